"""A folder, an address or a manifest becomes a list of cases; a table their labels."""

from flowml.cases.beside import with_given
from flowml.cases.codes import SKIPS, counted
from flowml.cases.entries import Found
from flowml.cases.files import FileSearch, find_files, search_files
from flowml.cases.find import CaseSearch, find_cases, search_cases
from flowml.cases.given import Given, given_of, specimen_of
from flowml.cases.labels import Labels, case_names, patients_of, read_labels
from flowml.cases.remote import at_hand, fetched, is_address, sample_of
from flowml.cases.table import read_table

__all__ = [
    "SKIPS",
    "CaseSearch",
    "FileSearch",
    "Found",
    "Given",
    "Labels",
    "at_hand",
    "case_names",
    "counted",
    "fetched",
    "find_cases",
    "find_files",
    "given_of",
    "is_address",
    "patients_of",
    "read_labels",
    "read_table",
    "sample_of",
    "search_cases",
    "search_files",
    "specimen_of",
    "with_given",
]
