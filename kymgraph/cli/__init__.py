"""The command line: read settings, call the library, print. Modules here import nothing heavy at the top."""
