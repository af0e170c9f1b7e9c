#!/bin/sh
# Look into files of many instruments; one of them is cut off, so that the exit status is 1.
flowml inspect ../shared/data/instruments
