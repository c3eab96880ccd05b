"""The commands of the command line, a module each; their output and exit codes."""
