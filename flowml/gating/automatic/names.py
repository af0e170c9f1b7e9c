"""Names of the populations that are gated automatically; cytometrists' own words."""

SINGLETS = "singlets"
DEBRIS = "debris"
CELLS = "cells"  # intact singlets, CD45-negative ones included
MATURE_GATE = "CD45+ low SSC"
LYMPHOCYTES = "lymphocytes"
MONOCYTES = "monocytes"
GRANULOCYTES = "granulocytes"
BLASTS = "blasts"
B_CELLS = "B cells"
KAPPA_B_CELLS = "B cells kappa"
LAMBDA_B_CELLS = "B cells lambda"
T_CELLS = "T cells"
CD4_T_CELLS = "CD4 T cells"
CD8_T_CELLS = "CD8 T cells"
EVERY = (
    SINGLETS, DEBRIS, CELLS, MATURE_GATE, LYMPHOCYTES, MONOCYTES, GRANULOCYTES, BLASTS, B_CELLS,
    KAPPA_B_CELLS, LAMBDA_B_CELLS, T_CELLS, CD4_T_CELLS, CD8_T_CELLS,
)  # fmt: skip
