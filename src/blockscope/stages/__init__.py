"""The stages of the workflow: a module for each rule, which reads files and writes one result."""
