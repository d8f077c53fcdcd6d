"""The exam of what code can answer exactly: units, comparison, numerals, forms of a number, equations, factors."""
