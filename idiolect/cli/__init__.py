"""The command line: parse, call one function of the floors below, show."""
