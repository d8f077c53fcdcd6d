"""Questions in English that a small general model can answer, with what an answer has to hold."""

from __future__ import annotations

_CAPITALS = """France Paris|Germany Berlin|Italy Rome|Spain Madrid|Portugal Lisbon|England London|Ireland Dublin
Russia Moscow|China Beijing|Japan Tokyo|India Delhi|Egypt Cairo|Greece Athens|Turkey Ankara|Sweden Stockholm
Norway Oslo|Finland Helsinki|Denmark Copenhagen|Poland Warsaw|Austria Vienna|Hungary Budapest|Belgium Brussels
Canada Ottawa|Australia Canberra|Brazil Bras|Argentina Buenos|Chile Santiago|Peru Lima|Cuba Havana|Kenya Nairobi
Iraq Baghdad|Iran Tehran|Thailand Bangkok|Vietnam Hanoi|Indonesia Jakarta|Colombia Bogot"""
_OPPOSITES = """hot cold|big small|up down|left right|day night|black white|early late|fast slow|happy sad|hard soft
light dark|long short|new old|open closed|rich poor|strong weak|wet dry|young old|true false|full empty"""
_LANGUAGES = """Germany German|Japan Japanese|Russia Russian|Mexico Spanish|Brazil Portuguese|Egypt Arabic
Austria German|Argentina Spanish|Poland Polish|Greece Greek|Australia English|France French"""
_FACTS = """What colour is the sky on a clear day?=blue|What colour is grass?=green|What colour is snow?=white
How many days are in a week?=7 seven|How many months are in a year?=12 twelve|How many legs does a spider have?=8 eight
Which planet do we live on?=Earth|What do bees make?=honey|Which animal says "meow"?=cat
What is frozen water called?=ice
Who wrote Hamlet?=Shakespeare|Who wrote the play "Romeo and Juliet"?=Shakespeare|What is H2O?=water
Which planet is known as the Red Planet?=Mars|What is the largest ocean?=Pacific|What is the largest planet?=Jupiter
Which gas do plants take in?=carbon|Who painted the Mona Lisa?=Vinci|On which continent is Egypt?=Africa
In which country is the Eiffel Tower?=France|What star does the Earth travel around?=sun
What is the tallest mountain in the world?=Everest|What is the currency of Japan?=yen"""


def _pairs(text: str, between: str) -> list[tuple[str, str]]:
    entries = (entry.partition(between) for line in text.split("\n") for entry in line.split("|"))
    return [(before, after) for before, _, after in entries]


# (question, what an answer holds; one of several words)
QUESTIONS: list[tuple[str, tuple[str, ...]]] = [
    *((f"What is the capital of {x}?", (value,)) for x, value in _pairs(_CAPITALS, " ")),
    *((f'What is the opposite of the word "{x}"?', (value,)) for x, value in _pairs(_OPPOSITES, " ")),
    *((f"Which language do people speak in {x}?", (value,)) for x, value in _pairs(_LANGUAGES, " ")),
    *((question, tuple(values.split())) for question, values in _pairs(_FACTS, "=")),
    *((f"What is {a} + {b}?", (str(a + b),)) for a, b in ((1, 2), (3, 4), (5, 5), (7, 2), (6, 8), (9, 9), (12, 5))),
]
