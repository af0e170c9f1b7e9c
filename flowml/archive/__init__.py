"""Models in one file: a ZIP archive of JSON and numbers, checked before it is used."""
