"""One entry of a knowledge file, read field by field; every error names the entry at fault."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowml.errors import FlowmlError
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Collection


class KnowledgeError(FlowmlError):
    """A knowledge file with an entry that cannot be used; the message names the entry."""


class Entry:
    """A table of a TOML document, with the name by which messages call it.

    Parameters
    ----------
    values : object
        The table as it was read.
    where : str
        File, table and name, such as ``simulator_normal.toml, population 'B cells'``.

    Raises
    ------
    KnowledgeError
        If `values` is not a table.
    """

    def __init__(self, values: object, where: str) -> None:
        self.where = where
        if not isinstance(values, dict):
            raise self.error(f"is {printable(repr(values), 60)}, expected a table")
        self._values: dict[str, Any] = values

    def error(self, problem: str) -> KnowledgeError:
        """Make an error about this entry.

        Parameters
        ----------
        problem : str
            What was found and what was expected.

        Returns
        -------
        KnowledgeError
            To be raised by the caller.
        """
        return KnowledgeError(f"{printable(self.where)}: {problem}. Correct the file.")

    def keys(self, known: Collection[str] | None = None) -> list[str]:
        """List the fields, refusing those that are not `known`.

        Parameters
        ----------
        known : collection of str, optional
            Fields that may be there; any if not given.

        Returns
        -------
        list of str
            In the order of the file.

        Raises
        ------
        KnowledgeError
            If there is an unknown field.
        """
        for key in self._values:
            if known is not None and key not in known:
                raise self.error(
                    f"unknown entry {printable(key, 60)!r}; nearest: "
                    f"{nearest(key, sorted(known))}"
                )
        return list(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> Any:
        """Return a field as it was read.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        object
            Whatever the file holds.

        Raises
        ------
        KnowledgeError
            If the field is missing.
        """
        if key not in self._values:
            raise self.error(f"{key!r} is missing")
        return self._values[key]

    def table(self, key: str, default: dict[str, Any] | None = None) -> Entry:
        """Return a field that is a table itself.

        Parameters
        ----------
        key : str
            Name of the field.
        default : dict, optional
            Stands in where the field is missing.

        Returns
        -------
        Entry
            Its messages name both entries.
        """
        missing = default is not None and key not in self._values
        return Entry(default if missing else self.get(key), f"{self.where}, {key}")

    def tables(self, key: str, named_by: str = "name") -> list[Entry]:
        """Return a field that is a list of named tables.

        Parameters
        ----------
        key : str
            Name of the field; an empty list where it is missing.
        named_by : str
            The field of each table that holds its name.

        Returns
        -------
        list of Entry
            Their messages call each by its name.

        Raises
        ------
        KnowledgeError
            If the field is not a list, or two tables bear one name.
        """
        items = self._values.get(key, [])
        if not isinstance(items, list):
            raise self.error(
                f"{key!r} is {printable(repr(items), 60)}, expected [[{key}]] tables"
            )
        entries = []
        for number, item in enumerate(items, start=1):
            entry = Entry(item, f"{self.where}, {key} {number}")
            entry.where = f"{self.where}, {key} {printable(entry.text(named_by), 60)!r}"
            entries.append(entry)
        names = [entry.where for entry in entries]
        for entry in entries:
            if names.count(entry.where) > 1:
                raise entry.error("the name is given twice")
        return entries

    def items(self, key: str) -> list[Entry]:
        """Return a field that is a list of tables, which need no names of their own.

        Parameters
        ----------
        key : str
            Name of the field; an empty list where it is missing.

        Returns
        -------
        list of Entry
            Their messages call each by its number.

        Raises
        ------
        KnowledgeError
            If the field is not a list of tables.
        """
        found = self._values.get(key, [])
        if not isinstance(found, list):
            raise self.error(f"{key!r} is {printable(repr(found), 60)}, expected a list")
        return [
            Entry(item, f"{self.where}, {key} {number}") for number, item in enumerate(found, 1)
        ]

    def text(self, key: str) -> str:
        """Return a field that is a text, and not an empty one.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        str
            The text.

        Raises
        ------
        KnowledgeError
            If it is missing, empty or something else.
        """
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key!r} is {printable(repr(value), 60)}, expected a text")
        return value

    def number(
        self, key: str, low: float = 0.0, high: float = math.inf, default: float | None = None
    ) -> float:
        """Return a field that is a number within bounds.

        Parameters
        ----------
        key : str
            Name of the field.
        low, high : float
            Bounds, both allowed.
        default : float, optional
            Stands in where the field is missing.

        Returns
        -------
        float
            The number.

        Raises
        ------
        KnowledgeError
            If it is missing, not a number, or out of bounds.
        """
        if default is not None and key not in self._values:
            return default
        return self._bounded(key, self.get(key), low, high)

    def pair(
        self,
        key: str,
        low: float = 0.0,
        high: float = math.inf,
        default: tuple[float, float] | None = None,
    ) -> tuple[float, float]:
        """Return a field that is a range, ``[least, most]``.

        Parameters
        ----------
        key : str
            Name of the field.
        low, high : float
            Bounds of both numbers.
        default : tuple of float, optional
            Stands in where the field is missing.

        Returns
        -------
        tuple of float
            Least and most.

        Raises
        ------
        KnowledgeError
            If it is missing, not two numbers, out of bounds or out of order.
        """
        if default is not None and key not in self._values:
            return default
        first, second = self.two_numbers(key, low, high)
        if first > second:
            raise self.error(f"{key!r} is [{first:g}, {second:g}], expected the least first")
        return first, second

    def two_numbers(
        self, key: str, low: float = 0.0, high: float = math.inf
    ) -> tuple[float, float]:
        """Return a field that is a list of two numbers, in any order.

        Parameters
        ----------
        key : str
            Name of the field.
        low, high : float
            Bounds of both numbers.

        Returns
        -------
        tuple of float
            The numbers.

        Raises
        ------
        KnowledgeError
            If it is missing, not two numbers, or out of bounds.
        """
        value = self.get(key)
        if not isinstance(value, list) or len(value) != 2:
            raise self.error(f"{key!r} is {printable(repr(value), 60)}, expected two numbers")
        first, second = (self._bounded(key, item, low, high) for item in value)
        return first, second

    def _bounded(self, key: str, value: object, low: float, high: float) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = float(value)
            if low <= number <= high:
                return number
        raise self.error(
            f"{key!r} is {printable(repr(value), 60)}, "
            f"expected a number from {low:g} to {high:g}"
        )
