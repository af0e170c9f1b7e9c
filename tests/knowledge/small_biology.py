"""A small folder of knowledge, whole enough to draw cases from."""

LEVELS = """
format = 1
[levels]
step = 0.15
source = "a test"
neg = { decades = 1.5, band = 0.1, spread = 0.2 }
dim = { decades = 2.8, band = 0.1, spread = 0.2 }
pos = { decades = 3.7, band = 0.1, spread = 0.14 }
bright = { decades = 4.2, band = 0.1, spread = 0.1 }
"""

POPULATIONS = """
format = 1
[[population]]
name = "T cells"
fsc = 46000
ssc = 28000
scatter_spread = [0.05, 0.1]
autofluorescence = 1.0
together = [["CD3", "CD7", 0.5]]
source = "a test"
[population.markers]
CD3 = "bright"
CD45 = "bright"
CD7 = { level = "dim..pos", share = 0.5, cells = [0.4, 0.9], spread = 0.3 }

[[population]]
name = "B cells"
like = "T cells"
light_chains = { surface = "pos", cytoplasmic = "dim", kind = "polytypic", kappa = 0.6 }
source = "a test"
[population.markers]
CD3 = "neg"
CD7 = "neg"
CD19 = "pos"

[[population]]
name = "hematogones"
like = "T cells"
fsc = 40000
source = "a test"
[population.markers]
CD3 = "neg"
CD34 = ["bright", "dim", "neg"]

[debris]
name = "debris"
fsc = 11000
ssc = 7500
scatter_spread = [0.2, 0.26]
autofluorescence = 0.35
source = "a test"
"""

SPECIMENS = """
format = 1
[[specimen]]
name = "blood"
source = "a test"
[specimen.percent]
"T cells" = 60
"B cells" = 10
[specimen.variation]
default = 0.1

[[specimen]]
name = "marrow"
source = "a test"
[specimen.percent]
"T cells" = 30
"B cells" = 10
hematogones = 10
[specimen.variation]
default = 0.1
hematogones = 0.3
"""

ENTITIES = """
format = 1
[[entity]]
name = "normal"
share = []
specimen = { blood = 0.5, marrow = 0.5 }
source = "a test"
[[entity.variant]]
name = "healthy"
weight = 1
source = "a test"

[[entity]]
name = "CLL"
share = [0.02, 0.9]
draw = "log-uniform"
specimen = { blood = 1 }
source = "a test"
[entity.composition]
"B cells" = 0.5
[[entity.variant]]
name = "typical"
weight = 3
source = "a test"
[[entity.variant.clone]]
name = "CLL cells"
like = "B cells"
variation = 2
light_chains = { surface = "dim", kind = "restricted", kappa = 0.6, none = 0.1 }
source = "a test"
[entity.variant.clone.markers]
CD5 = "pos"

[[entity.variant]]
name = "with plasma cells"
weight = 1
share = [0.1, 0.2]
draw = "uniform"
specimen = { marrow = 1 }
source = "a test"
[entity.variant.composition]
hematogones = [0.1, 0.3]
[[entity.variant.clone]]
name = "CLL cells"
like = "B cells"
light_chains = { surface = "dim", kind = "restricted", kappa = 0.6 }
source = "a test"
[[entity.variant.clone]]
name = "clonal plasma cells"
like = "B cells"
part = [0.1, 0.2]
light_chains = { cytoplasmic = "bright", kind = "restricted", kappa = 0.6 }
source = "a test"
[[entity.variant.altered]]
population = "T cells"
ssc = 20000
[entity.variant.altered.markers]
CD7 = "neg"

[[entity]]
name = "tumor"
outside = true
share = [0.5, 0.6]
specimen = { marrow = 1 }
source = "a test"
[[entity.variant]]
name = "any"
weight = 1
source = "a test"
[[entity.variant.clone]]
name = "tumor cells"
like = "T cells"
source = "a test"
"""

FILES = {
    "levels.toml": LEVELS,
    "populations.toml": POPULATIONS,
    "specimens.toml": SPECIMENS,
    "entities/all.toml": ENTITIES,
}


def written(folder, **changes):
    """Write the files; `changes` maps a file's stem to (old, new)."""
    (folder / "entities").mkdir(exist_ok=True)
    for name, text in FILES.items():
        stem = name.rpartition("/")[2].removesuffix(".toml")
        old, new = changes.get(stem, ("", ""))
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return folder
