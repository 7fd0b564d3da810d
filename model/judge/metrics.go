package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// metrics judges every threshold in every required suite that declares its metric: there must be an EvalMetric that
// counts, and the worst value of all verified evaluations must meet each requirement. A regression is measured against
// the best value of the ring's present model in the same suite.
func (j *judge) metrics() Condition {
	var evidence []object.Hash
	var lines, problems, warnings []string
	for _, t := range j.policy.Thresholds {
		suites := 0
		for _, suite := range j.policy.Suites {
			def, ok := j.suites[suite]
			if !ok {
				problems = append(problems, fmt.Sprintf("suite %s is not here", suite.Short()))
				continue
			}
			if !slices.Contains(def.Metrics, t.Metric) {
				continue
			}
			suites++
			line, used, problem := j.threshold(t, suite)
			evidence = append(evidence, used...)
			switch {
			case problem == "":
				lines = append(lines, line)
			case t.Critical:
				problems = append(problems, problem)
			default:
				warnings = append(warnings, problem)
			}
		}
		if suites == 0 {
			problem := fmt.Sprintf("metric %s: no required suite declares it", t.Metric)
			if t.Critical {
				problems = append(problems, problem)
			} else {
				warnings = append(warnings, problem)
			}
		}
	}
	slices.Sort(problems)
	c := condition("metrics", strings.Join(lines, "; "), evidence, slices.Compact(problems)...)
	if c.Why == "" {
		c.Why = "the policy has no threshold"
	}
	c.Warnings = warnings
	return c
}

// threshold judges one threshold in one suite.
func (j *judge) threshold(t model.Threshold, suite object.Hash) (line string, evidence []object.Hash, problem string) {
	where := fmt.Sprintf("%s in suite %s", t.Metric, suite.Short())
	attested, problem := j.attested(t.Metric, suite)
	if problem != "" {
		return "", nil, where + ": " + problem
	}
	value, receipts, _ := j.value(j.e.Model.ID, suite, t, +1)
	evidence = append(attested, receipts...)
	if t.Limit != nil && t.Worse(value, *t.Limit) > 0 {
		return "", evidence, fmt.Sprintf("%s is %d, %s %d is required", where, value, bound(t), *t.Limit)
	}
	line = fmt.Sprintf("%s is %d", where, value)
	if t.Limit != nil {
		line += fmt.Sprintf(" (%s %d)", bound(t), *t.Limit)
	}
	if j.e.Current == nil || (t.LargestRegression == nil && t.LeastImprovement == nil) {
		return line, evidence, ""
	}
	base, receipts, ok := j.value(j.e.Current.ID, suite, t, -1)
	if !ok {
		return "", evidence, fmt.Sprintf("%s: model %s, now in the ring, has no verified evaluation to compare with", where, j.e.Current.ID.Short())
	}
	evidence = append(evidence, receipts...)
	worse := t.Worse(value, base)
	if t.LargestRegression != nil && worse > *t.LargestRegression {
		return "", evidence, fmt.Sprintf("%s is %d, worse by %d than the %d of the model in the ring; at most %d is allowed", where, value, worse, base, *t.LargestRegression)
	}
	if t.LeastImprovement != nil && t.Worse(base, value) < *t.LeastImprovement {
		return "", evidence, fmt.Sprintf("%s is %d, the model in the ring has %d; an improvement of at least %d is required", where, value, base, *t.LeastImprovement)
	}
	return line + fmt.Sprintf(", that of the model in the ring %d", base), evidence, ""
}

func bound(t model.Threshold) string {
	if t.Direction == model.HigherIsBetter {
		return "at least"
	}
	return "at most"
}

// attested finds the EvalMetrics that count and whose report has the metric.
func (j *judge) attested(metric string, suite object.Hash) (evidence []object.Hash, problem string) {
	var reasons []string
	for _, v := range j.newest {
		if about, _ := j.about(v); v.ClaimType != model.ClaimEvalMetric || about != suite {
			continue
		}
		report, ok := j.reportIn(v, suite)
		if why := j.counts(v); why != "" {
			reasons = append(reasons, why)
		} else if !ok {
			reasons = append(reasons, fmt.Sprintf("EvalMetric %s names no verified report", v.id.Short()))
		} else if _, has := j.reports[report].Metrics[metric]; has {
			evidence = append(evidence, v.id, report)
		}
	}
	if evidence == nil {
		problem = "no EvalMetric that counts"
		if reasons != nil {
			problem += " (" + strings.Join(reasons, "; ") + ")"
		}
	}
	return evidence, problem
}

// value is the worst (sign +1) or the best (sign -1) value of a metric over the
// verified evaluations of a model in a suite.
func (j *judge) value(model, suite object.Hash, t model.Threshold, sign int) (value int64, receipts []object.Hash, ok bool) {
	for id, r := range j.results {
		v, has := r.Metrics[t.Metric]
		if !has || r.Job.ModelID != model || r.Job.SuiteID != suite {
			continue
		}
		receipts = append(receipts, id)
		worse := t.Worse(v, value)
		if !ok || (sign > 0 && worse > 0) || (sign < 0 && worse < 0) {
			value, ok = v, true
		}
	}
	return value, Sorted(receipts), ok
}
