/* --tune: the candidates of every convolution, measured on this machine. */
#ifndef CNNCC_DRIVER_TUNE_H
#define CNNCC_DRIVER_TUNE_H

#include "driver/cli.h"
#include "driver/plan_file.h"

/* Plans the model, compiles every candidate of every convolution with the JIT as a network of one
 * layer, and times it. Layers that are equal but for their weights are measured once. The fastest
 * candidate whose error is within the bound is chosen. False after a diagnostic. */
bool tune(Cli *c, const PipelineOptions *p, PlanChoices *choices);

#endif
