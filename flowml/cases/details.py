"""What is said of a case over and over, file by file: it must be the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


OF_A_TUBE = ("instrument", "date")  # may differ between the tubes of a case


class Details:
    """Gathers what is said of one case; a field that is empty says nothing."""

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = {}  # different values, in the order of their files

    def add(self, row: Mapping[str, str]) -> list[str]:
        """Add what is said beside one file.

        Parameters
        ----------
        row : mapping of str to str
            Name to value.

        Returns
        -------
        list of str
            Names of which something else was said before, though a case has only one.
        """
        differing = []
        for name, value in row.items():
            said = self._said.setdefault(name, [])
            if value and value not in said:
                said.append(value)
            if value and value != said[0] and name not in OF_A_TUBE:
                differing.append(name)
        return differing

    @staticmethod
    def of_tube(row: Mapping[str, str]) -> dict[str, str]:
        """Return what a row says of its tube alone.

        Parameters
        ----------
        row : mapping of str to str
            Name to value.

        Returns
        -------
        dict of str to str
            Of `OF_A_TUBE`, what is said.
        """
        return {name: row[name] for name in OF_A_TUBE if row.get(name)}

    def of_case(self) -> dict[str, str]:
        """Return what holds for the case.

        Returns
        -------
        dict of str to str
            Without what differs between its tubes.
        """
        return {
            name: said[0] if said else "" for name, said in self._said.items() if len(said) < 2
        }
