"""The host of small apps: a SKILL.md is read, asked for its fields, run in bounds, and checked.

skill.py     what a SKILL.md says       fields.py    what people fill in
sandbox.py   its Python block, in a process that can reach nothing
run.py       fields -> block -> prompt -> answer -> checks
check.py     its examples, run as tests  shelf.py     which apps this house has
trusted.py   the Python of trusted apps  rooms.py     those with a page of their own
label.py     what a machine made says so
"""
