"""Workspaces as FlowJo 10 writes them, made of a few words."""

from __future__ import annotations

SPACE = "http://www.isac-net.org/std/Gating-ML/v2.0/"
HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<Workspace version="20.0" flowJoVersion="10.8.1" xmlns:gating="{SPACE}gating"
 xmlns:transforms="{SPACE}transformations" xmlns:data-type="{SPACE}datatypes">
"""
LINEAR = """<transforms:linear transforms:minRange="0" transforms:maxRange="1000">
<data-type:parameter data-type:name="{0}"/></transforms:linear>"""
BIEX = """<transforms:biex transforms:length="256" transforms:maxRange="262144"
 transforms:neg="0" transforms:width="-100" transforms:pos="4.4">
<data-type:parameter data-type:name="{0}"/></transforms:biex>"""
LOG = """<transforms:log transforms:offset="10" transforms:decades="4">
<data-type:parameter data-type:name="{0}"/></transforms:log>"""
LOGICLE = """<transforms:logicle transforms:T="262144" transforms:W="0.5" transforms:M="4.5"
 transforms:A="0"><data-type:parameter data-type:name="{0}"/></transforms:logicle>"""
MATRIX = """<transforms:spilloverMatrix spectral="0" prefix="{prefix}" name="mine" suffix="">
<data-type:parameters><data-type:parameter data-type:name="B-A"/>
<data-type:parameter data-type:name="C_D-A"/></data-type:parameters>
<transforms:spillover data-type:parameter="B-A">
<transforms:coefficient data-type:parameter="B-A" transforms:value="1"/>
<transforms:coefficient data-type:parameter="C_D-A" transforms:value="0.2"/>
</transforms:spillover>
<transforms:spillover data-type:parameter="C_D-A">
<transforms:coefficient data-type:parameter="B-A" transforms:value="0.1"/>
<transforms:coefficient data-type:parameter="C_D-A" transforms:value="1"/>
</transforms:spillover></transforms:spilloverMatrix>"""
PREFIXED = MATRIX.format(prefix="Comp-")
SCALES = LINEAR.format("FSC-A") + BIEX.format("B-A") + LOGICLE.format("C_D-A")
DIMENSION = """<gating:dimension gating:min="{1}" gating:max="{2}">
<data-type:fcs-dimension data-type:name="{0}"/></gating:dimension>"""


def population(name, channel, low, high, inner="", inside="1"):
    dimension = DIMENSION.format(channel, low, high)
    return (
        f'<Population name="{name}" owningGroup=""><Gate gating:id="i{name}">'
        f'<gating:RectangleGate eventsInside="{inside}" gating:id="i{name}">{dimension}'
        f"</gating:RectangleGate></Gate>{below(inner)}</Population>"
    )


def below(inner):
    return f"<Subpopulations>{inner}</Subpopulations>" if inner else ""


def boolean(kind, name, *names):
    of = "".join(f'<Dependent name="{each}"/>' for each in names)
    return (
        f'<{kind}Node name="{name}" owningGroup=""><Dependents>{of}</Dependents></{kind}Node>'
    )


def tube(name, gates, number=1, scales=SCALES, matrix=PREFIXED):
    keyword = '<Keyword name="$P3N" value="C/D-A"/>'
    return (
        f'<Sample><DataSet uri="file:/elsewhere/{name}%20x.fcs" sampleID="{number}"/>{matrix}'
        f"<Transformations>{scales}</Transformations><Keywords>{keyword}</Keywords>"
        f'<SampleNode name="{name}" sampleID="{number}">{below(gates)}</SampleNode></Sample>'
    )


def workspace(*tubes, groups=""):
    body = f"<Groups>{groups}</Groups><SampleList>{''.join(tubes)}</SampleList>"
    return f"{HEAD}{body}</Workspace>"
