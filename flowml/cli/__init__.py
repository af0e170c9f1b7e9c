"""The command line: one verb a module, each parses, calls the public API, and writes."""
