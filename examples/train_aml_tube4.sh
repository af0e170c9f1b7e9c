#!/bin/sh
# Train on the training part of one public tube (FlowCAP-II): 5 AML, 5 normals, 500 events each.
# Ten cases show that it runs; no claim is made from them.
# Run from the project's folder; the data are expected beside it.
flowml train ../shared/data/aml-tube4 --labels ../shared/data/aml-tube4/samples.csv --id file --label label --where split=train --out "${1:-aml.flowml}"
