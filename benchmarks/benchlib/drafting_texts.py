"""What drafters are trained and measured with: questions of three kinds, none of which stands in both.

Measured are texts that are written out here.  The questions to train with are made of forms and subjects, and of what
Python's own library says of itself; their subjects and texts are others.
"""

from __future__ import annotations

import contextlib
import inspect
import random
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from types import ModuleType

OPEN = [
    "Why do leaves change their colour in autumn?",
    "Describe what happens in a city in the first hour after a heavy snowfall.",
    "What should somebody know before they adopt a dog from a shelter?",
    "How did the printing press change the way people lived?",
    "Explain to a child how a telephone call crosses an ocean.",
    "Give me five pieces of advice for a first long bicycle tour.",
    "Tell a short story about a lighthouse keeper who finds a letter.",
    "What are the advantages and disadvantages of living in a small village?",
]
_LETTER = (
    "Dear neighbours, on saturday we want to repair the fence behind the playground. we need four people with "
    "gloves and two drills. There will be soup at noon, and who cannot come on saturday can help to paint on "
    "sunday afternoon. Please tell Mrs. Okafor on the second floor until thursday if you will be there. The wood "
    "has been payed by the house, the paint comes from the school."
)
_REPORT = (
    "The ferry left the harbour twenty minutes late because a lorry had lost its load on the ramp. Nobody was "
    "hurt. The crew and three passengers cleared the planks away, and the captain gave them coffee. During the "
    "crossing the wind turned to the west, so that the ship arrived almost an hour behind its time, and the last "
    "bus to the mountains had gone. The company paid for eleven rooms in the guest house by the pier."
)
_RECIPE = (
    "Peel six potatoes and cut them into thin slices. Heat two spoons of oil in a wide pan. Put the slices in, "
    "add salt and cover the pan for ten minutes. Beat five eggs in a bowl, pour them over the potatoes and wait "
    "until the edge is firm. Turn the omelette with the help of a plate and let it brown for three more minutes. "
    "Eat it warm or cold."
)
ERRANDS = [
    f"Correct the spelling and capital letters of this letter, and change nothing else:\n\n{_LETTER}",
    f"Rewrite this report in the present tense:\n\n{_REPORT}",
    f"Write this recipe as a numbered list of steps:\n\n{_RECIPE}",
    f"Summarize this report in two sentences:\n\n{_REPORT}",
    f"Repeat this recipe word for word, but for eight people:\n\n{_RECIPE}",
    f"Make this letter more polite:\n\n{_LETTER}",
]
_PROGRAM = (
    "class Shelf:\n    def __init__(self, width):\n        self.width = width\n        self.books = []\n\n"
    "    def room(self):\n        return self.width - sum(book.thickness for book in self.books)\n\n"
    "    def put(self, book):\n        if book.thickness > self.room():\n            raise ValueError('no room')\n"
    "        self.books.append(book)\n\n    def find(self, title):\n        for book in self.books:\n"
    "            if book.title == title:\n                return book\n        return None\n"
)
CODE = [
    f"Add a method that removes a book to this class, and print the whole class:\n\n```python\n{_PROGRAM}```",
    "Write a Python function that returns the longest word of a sentence, with a docstring and two examples.",
    f"Add type hints and docstrings to this program:\n\n```python\n{_PROGRAM}```",
    "Write a Python program that reads temperatures from a CSV file and prints the mean of each month.",
    f"Rename `Shelf` to `Bookcase` and `put` to `add` in this program:\n\n```python\n{_PROGRAM}```",
    "Write a JavaScript function that counts how often each letter occurs in a text.",
]
KINDS = {"open questions": OPEN, "errands on a text": ERRANDS, "code": CODE}

_SUBJECTS = [
    "bread", "rivers", "the Moon", "vaccines", "chess", "volcanoes", "solar panels", "the Roman Empire", "honey bees",
    "jazz", "insurance", "earthquakes", "whales", "sleep", "coffee", "the French Revolution", "inflation", "glaciers",
    "violins", "stress", "rice", "democracy", "antibiotics", "deserts", "photography", "the human heart", "taxes",
    "spiders", "electric cars", "poetry", "hurricanes", "yoga", "cheese", "the Silk Road", "databases", "owls",
    "gravity", "marathons", "tea", "the Industrial Revolution", "allergies", "coral reefs", "opera", "budgets",
    "penguins", "magnets", "friendship", "the stock market", "rainforests", "novels", "migraines", "gardens",
    "the Great Wall of China", "batteries", "elephants", "public speaking", "swimming", "clouds", "museums",
    "vitamins", "ants", "the Internet", "tides", "paper", "job interviews", "mushrooms", "comets", "soap", "football",
    "wolves", "nuclear energy", "painting", "wheat", "first aid", "black holes", "language learning", "trains",
    "diabetes", "pottery", "salt", "the Olympic Games", "robots", "teeth", "horses", "time management", "lightning",
    "cotton", "theatre", "butterflies", "recycling", "the kidneys", "cats", "telescopes", "negotiation", "olive oil",
    "the Renaissance", "encryption", "frogs", "camping", "sugar", "meditation", "dinosaurs", "glass", "hiking",
    "machine learning", "tomatoes", "weddings", "the Black Sea", "airplanes", "loneliness", "parrots", "statistics",
    "breakfast", "fire", "debt", "dolphins", "the alphabet", "knitting", "monsoons", "essays", "running shoes",
    "ceramics", "the Sahara", "apples", "teamwork", "sharks",
]  # fmt: skip
_FORMS = [
    "What is {0}, and why does it matter?", "Explain {0} in simple words.",
    "Give me five interesting facts about {0}.", "Write a short story about {0}.",
    "What are the most common mistakes people make with {0}?", "Tell me about {0}.",
    "How would you explain {0} to a ten year old?", "What is the history of {0}?", "Write a poem about {0}.",
    "Make a list of questions that somebody could ask about {0}.", "How has {0} changed over time?",
    "Write an email to a friend about {0}.", "What should a beginner know about {0}?",
    "Write a short essay about {0}.", "What are the benefits and the risks of {0}?", "Plan a lesson about {0}.",
    "Describe {0} in detail.",
]  # fmt: skip
_TASKS = [
    "reverses a string", "checks whether a number is prime", "sorts a list of tuples by the second item",
    "counts the vowels in a text", "computes the factorial of a number", "merges two dictionaries",
    "finds duplicates in a list", "reads a JSON file", "converts Celsius to Fahrenheit",
    "prints the Fibonacci numbers", "removes empty lines from a file", "checks for a palindrome",
    "flattens nested lists", "rolls two dice", "validates an email address", "searches a sorted list",
    "downloads a web page", "draws a triangle of stars", "computes the greatest common divisor",
    "splits a text into sentences", "stores contacts", "implements a stack", "implements a queue",
    "transposes a matrix", "generates a password", "measures how long a call takes",
    "groups words by their first letter", "finds the second largest number", "computes a moving average",
    "converts a number to binary",
]  # fmt: skip
_CODE_FORMS = [
    "Write a Python function that {0}.", "Write a JavaScript function that {0}.",
    "Write a Python program that {0}, with comments.", "Show me how one writes code that {0} in Java.",
    "Write tests for a Python function that {0}.",
]  # fmt: skip
_ERRANDS = [
    "Rewrite this text in simple words:\n\n{0}", "Summarize this text:\n\n{0}",
    "Correct the mistakes in this text:\n\n{0}", "Make a list of the main points of this text:\n\n{0}",
    "Repeat this text:\n\n{0}", "Make this text shorter:\n\n{0}",
]  # fmt: skip
_PROGRAMS = [
    "Explain what this function does:\n\n```python\n{0}```", "Add comments to this code:\n\n```python\n{0}```",
    "Rewrite this function with type hints:\n\n```python\n{0}```",
    "Add a docstring to this function:\n\n```python\n{0}```",
]  # fmt: skip
_LIBRARY = [
    "argparse", "asyncio", "bisect", "calendar", "cmd", "code", "codecs", "collections", "configparser", "contextlib",
    "copy", "csv", "datetime", "decimal", "difflib", "dis", "doctest", "email.message", "enum", "fileinput", "fnmatch",
    "fractions", "ftplib", "functools", "getopt", "glob", "graphlib", "gzip", "heapq", "html.parser", "http.client",
    "imaplib", "inspect", "ipaddress", "json.decoder", "json.encoder", "keyword", "linecache", "locale", "logging",
    "mailbox", "mimetypes", "numbers", "operator", "optparse", "os", "pathlib", "pdb", "pickle", "platform",
    "plistlib", "poplib", "posixpath", "pprint", "profile", "queue", "quopri", "random", "reprlib", "sched", "secrets",
    "selectors", "shelve", "shlex", "shutil", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "statistics",
    "string", "subprocess", "symtable", "tarfile", "tempfile", "textwrap", "threading", "timeit", "tokenize", "trace",
    "traceback", "types", "typing", "unittest.case", "urllib.parse", "urllib.request", "uuid", "warnings", "wave",
    "weakref", "webbrowser", "xmlrpc.client", "zipfile",
]  # fmt: skip


def questions(count: int, seed: int = 0) -> list[str]:
    """Questions to train with: half open ones, the others errands and code."""
    dice = random.Random(seed)
    opened = [form.format(subject) for form, subject in product(_FORMS, _SUBJECTS)]
    coded = [form.format(task) for form, task in product(_CODE_FORMS, _TASKS)]
    texts, programs = _texts_and_programs()
    errands = [form.format(text) for form, text in product(_ERRANDS, texts)]
    coded += [form.format(program) for form, program in product(_PROGRAMS, programs)]
    found: list[str] = []
    for kind, share in ((opened, count // 2), (errands, count // 4), (coded, count - count // 2 - count // 4)):
        found += dice.sample(kind, min(share, len(kind)))
    dice.shuffle(found)
    return found


def _texts_and_programs() -> tuple[list[str], list[str]]:
    """What the library says of itself, and some of its shorter functions."""
    texts, programs = set[str](), set[str]()
    for name in _LIBRARY:
        module = import_module(name)
        for _, item in _parts(module):
            said = inspect.getdoc(item) or ""
            if 200 <= len(said) <= 900 and ">>>" not in said:
                texts.add(said)
            if inspect.isfunction(item):
                with contextlib.suppress(OSError):  # some are made while the program runs, and stand nowhere
                    source = textwrap.dedent(inspect.getsource(item))
                    if 120 <= len(source) <= 800:
                        programs.add(source)
    return sorted(texts), sorted(programs)


def _parts(module: ModuleType) -> Iterator[tuple[str, object]]:
    yield module.__name__, module
    for name, item in vars(module).items():
        if getattr(item, "__module__", None) == module.__name__ and (inspect.isfunction(item) or inspect.isclass(item)):
            yield name, item


if __name__ == "__main__":
    import json

    for question in questions(int(sys.argv[1])):
        print(json.dumps({"question": question}))
