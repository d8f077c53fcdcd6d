"""Checks that a rule can make: exact arithmetic, a poem's form and rhyme, an honest refusal.  No torch."""
