"""FlowJo 10 workspaces, read through FlowKit and translated to our records.

A workspace holds a tree of gates, a matrix and scales for each of its samples. FlowKit gets
one sample at a time, cut out of the text that was checked, and no way to a file: workspaces
name files anywhere on the disk of whoever wrote them, and none is opened.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote

import numpy as np

from flowml.errors import GateError
from flowml.gating import xmltext
from flowml.gating.foreign import Document
from flowml.gating.strategy import Strategy
from flowml.safety import nearest, printable

ROOT = "Workspace"
MOST_GATES = 500  # of a sample
MOST_SAMPLES = 5000
NAMESPACES = tuple(
    f"http://www.isac-net.org/std/Gating-ML/v2.0/{name}"
    for name in ("gating", "datatypes", "transformations")
)
POPULATIONS = ("Population", "AndNode", "OrNode", "NotNode")
TREE_ROOT = "root"  # of FlowKit's paths
SLASH = "\ue000"  # stands in a name for a slash, by which FlowKit parts its paths
# FlowKit takes these for regular expressions; with such signs they may run for ever
_PATTERN_SIGNS = re.compile(r"[\\^$*+?{}\[\]|()]")
_CHANNEL_KEY = re.compile(r"\$P\d+N")


@dataclass(frozen=True, eq=False)
class Workspace:
    """The samples of a workspace; their gates are read when they are asked for.

    Parameters
    ----------
    samples : mapping of str to Element
        By name, in the order of the document.
    groups : mapping of str to tuple of str
        Samples of each group.
    source : str
        Name of the document, for messages.
    version : str
        As the document says it.
    """

    samples: dict[str, ET.Element]
    groups: dict[str, tuple[str, ...]]
    source: str
    version: str

    def name_of(self, wanted: str) -> str:
        """Find a sample by its name, or by the name of its file.

        Parameters
        ----------
        wanted : str
            Name of the sample, or path of the file; the only sample if it is empty.

        Returns
        -------
        str
            Its name in the workspace.

        Raises
        ------
        GateError
            If there is none, or more than one.
        """
        if not wanted and len(self.samples) == 1:
            return next(iter(self.samples))
        if wanted in self.samples:
            return wanted
        file = PurePosixPath(wanted).name
        hits = [
            name for name, item in self.samples.items() if file and _is_of(item, name, file)
        ]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise GateError(
                f"{self.source} has {len(hits)} samples of the file {printable(file)!r}. Name "
                "the sample."
            )
        known = list(self.samples)
        what = f"no sample {printable(wanted)!r}" if wanted else f"{len(known)} samples"
        raise GateError(
            f"{self.source} has {what}. Name one of them (sample=...), or the file that was "
            f"gated. Nearest: {printable(nearest(wanted, known))}."
        )

    def strategy(self, sample: str = "") -> Strategy:
        """Read the gates of a sample.

        Parameters
        ----------
        sample : str
            Name of the sample, or path of its file; may be empty if there is only one.

        Returns
        -------
        Strategy
            Parents first. A population is called as it is in the workspace, or by its path
            (``T cells/CD4``) where a name occurs more than once.

        Raises
        ------
        GateError
            If there is no such sample, or something of it cannot be read exactly.
        """
        name = self.name_of(sample)
        where = f"sample {printable(name)!r} of {self.source}"
        item = self.samples[name]
        _check_gates(item, where)
        try:
            data = _without_slashes(self._cut_out(item), where)
        except RecursionError:
            raise GateError(f"{where} is nested too deeply to be read.") from None
        return _translated(_parse(data, name, where), item, where)

    def _cut_out(self, sample: ET.Element) -> bytes:
        """Return a workspace of one sample, without what FlowKit does not need."""
        root = ET.Element(ROOT, {"flowJoVersion": self.version})
        for space in NAMESPACES:  # FlowKit looks for them at the root
            root.set(f"{{{space}}}declared", "1")
        ET.SubElement(root, "Groups")
        ET.SubElement(root, "SampleList").append(sample)
        data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return data


def read_workspace(text: str, where: str) -> Workspace:
    """Read which samples and groups a workspace has.

    Parameters
    ----------
    text : str
        As `flowml.gating.xmltext.checked_text` returns it.
    where : str
        What messages call the document.

    Returns
    -------
    Workspace
        With one sample or more.

    Raises
    ------
    GateError
        If it is not a workspace of FlowJo 10, or two samples have one name.
    """
    root = xmltext.parsed(text, where)
    version = root.get("flowJoVersion", "")
    if root.tag != ROOT or not re.match(r"[1-9]\d\.", f"{version}."):
        raise GateError(
            f"{where} is not a workspace of FlowJo 10 (it says "
            f"{printable(version, 40) or 'no version'!r}). Save it again with FlowJo 10."
        )
    items = root.findall("SampleList/Sample")
    nodes = [node for item in items if (node := item.find("SampleNode")) is not None]
    names = [node.get("name", "") for node in nodes]
    if len(nodes) < len(items) or not 0 < len(names) <= MOST_SAMPLES:
        raise GateError(
            f"{where} has {len(items)} samples, {len(nodes)} of them named; expected 1 to "
            f"{MOST_SAMPLES}, all with one."
        )
    if double := [name for name, times in Counter(names).items() if times > 1 or not name]:
        raise GateError(
            f"{where} has samples named {printable(double[0])!r}; expected names that are "
            "unique and not empty. Rename one in FlowJo."
        )
    by_id = {node.get("sampleID", ""): node.get("name", "") for node in nodes}
    return Workspace(dict(zip(names, items, strict=True)), _groups(root, by_id), where, version)


def _groups(root: ET.Element, by_id: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        node.get("name", ""): tuple(
            by_id[key]
            for item in node.findall("Group/SampleRefs/SampleRef")
            if (key := item.get("sampleID", "")) in by_id
        )
        for node in root.findall("Groups/GroupNode")
    }


def _is_of(sample: ET.Element, name: str, file: str) -> bool:
    """Tell whether a sample is of a file, by its name alone; its path is another machine's."""
    dataset = sample.find("DataSet")
    uri = "" if dataset is None else unquote(dataset.get("uri", ""))
    return file.casefold() in {name.casefold(), PureWindowsPath(uri).name.casefold()}


def _check_gates(sample: ET.Element, where: str) -> None:
    """Check what FlowKit would pass over, or take for a regular expression."""
    gates = [item for item in sample.iter() if item.tag in POPULATIONS]
    if not 0 < len(gates) <= MOST_GATES:
        raise GateError(f"{where} has {len(gates)} gates; expected 1 to {MOST_GATES}.")
    for siblings in sample.iter("Subpopulations"):  # FlowKit takes the last of one name
        often = Counter(item.get("name") for item in siblings if item.tag in POPULATIONS)
        if double := [name for name, times in often.items() if times > 1 or not name]:
            raise GateError(
                f"{where} has populations named {printable(double[0])!r} side by side; "
                "expected names that are unique and not empty. Rename one in FlowJo."
            )
    for matrix in sample.findall(f"{{{NAMESPACES[2]}}}spilloverMatrix"):
        for part in ("prefix", "suffix"):
            if _PATTERN_SIGNS.search(text := matrix.get(part, "")):
                raise GateError(
                    f"the matrix of {where} has the {part} {printable(text, 40)!r}; expected "
                    "one without brackets and signs like * and +."
                )
    for item in gates:
        shape = item.find("Gate")
        inside = "1" if shape is None or not len(shape) else shape[0].get("eventsInside", "1")
        if inside not in {"0", "1"}:
            raise GateError(
                f"gate {printable(item.get('name'))!r} of {where} has eventsInside="
                f"{printable(inside)!r}; expected 0 or 1."
            )


def _without_slashes(data: bytes, where: str) -> bytes:
    """Return the workspace of one sample with `SLASH` for each slash in a name."""
    root = xmltext.parsed(data.decode("utf-8"), where)
    if not any("/" in item.get("name", "") for tag in POPULATIONS for item in root.iter(tag)):
        return data
    spelled: dict[str, str] = {}
    waiting = [(node, "", "") for node in root.iter("SampleNode")]
    while waiting:
        above, path, harmless = waiting.pop()
        for item in above.findall("Subpopulations/*"):
            if item.tag not in POPULATIONS:
                continue
            path_of_it = path + item.get("name", "")
            item.set("name", item.get("name", "").replace("/", SLASH))
            if path_of_it in spelled:
                raise GateError(
                    f"{where} has two populations of the path {printable(path_of_it)!r}; "
                    "expected different ones. Rename the one with a slash in FlowJo."
                )
            spelled[path_of_it] = harmless + item.get("name", "")
            waiting.append((item, f"{path_of_it}/", f"{spelled[path_of_it]}/"))
    for item in root.iter("Dependent"):  # by their paths
        item.set("name", spelled.get(item.get("name", ""), item.get("name", "")))
    harmless_data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return harmless_data


def _parse(data: bytes, name: str, where: str) -> Any:
    """Let FlowKit read one sample; it gets text, and opens nothing."""
    import flowkit

    try:
        with np.errstate(all="ignore"):
            return flowkit.parse_wsp(io.BytesIO(data))["samples"][name]["gating_strategy"]
    except Exception as error:  # whatever a foreign document makes the library raise
        raise GateError(
            f"{where} cannot be read: {printable(error) or type(error).__name__}."
        ) from error


def _translated(parsed: Any, item: ET.Element, where: str) -> Strategy:
    """Turn the tree into ours."""
    ids = list(parsed.get_gate_ids())
    often = Counter(name for name, _ in ids)

    def named(name: str, path: tuple[str, ...]) -> str:
        whole = name if often[name] < 2 else "/".join((*path[1:], name))
        return whole.replace(SLASH, "/")

    document = Document(parsed, named, exact_scales=True, detectors=_spelled(item))
    gates = []
    for name, path in ids:
        parent = named(path[-1], path[:-1]) if path != (TREE_ROOT,) else ""
        foreign = parsed.get_gate(name, path, sample_id=None)
        gates += document.gates(foreign, named(name, path), parent)
    return Strategy(tuple(gates), document.matrices(), where)


def _spelled(sample: ET.Element) -> dict[str, str]:
    """Return the names of channels that FlowJo spells otherwise: it has no slashes."""
    names = [
        word.get("value", "")
        for word in sample.findall("Keywords/Keyword")
        if _CHANNEL_KEY.fullmatch(word.get("name", ""))
    ]
    return {name.replace("/", "_"): name for name in names if "/" in name}
