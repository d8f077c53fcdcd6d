"""How a database becomes what `tables/` says, one revision a file in `versions/`."""
