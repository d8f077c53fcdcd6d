"""What to offer whom: a table of a shop, a library or a school becomes the cheapest model that is as good as any.

table.py     a CSV as people have it          task.py      what is to be foretold, and from what
history.py   what was known before each row   fields.py    columns as fields of numbered values
logistic.py, trees.py, network.py             the rungs of the ladder, as NumPy runs them
train.py     how the networks are trained (torch)          ladder.py    which rung is enough, and its bill
kept.py      a fitted model on disk            offers.py    the best rows for somebody, and why
"""
