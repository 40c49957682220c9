"""One folder per platform; the folder is the whole connector. Nothing else changes when one is added."""
