#!/bin/sh
# Classify the test part with the model of train_aml_tube4.sh: ten rows, and the accuracy.
flowml classify ../shared/data/aml-tube4 --model "${1:-aml.flowml}" --labels ../shared/data/aml-tube4/samples.csv --id file --label label --where split=test --out "${2:-aml-results}"
