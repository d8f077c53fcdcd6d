"""The `huozhong` command: thin sub-commands that call the library."""
