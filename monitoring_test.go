package main_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"tillpost/dashboard"
	"tillpost/testkit"
)

const (
	rulesFile    = "deploy/prometheus/tillpost.rules.yml"
	rulesTests   = "deploy/prometheus/tillpost.rules.test.yml"
	configSample = "deploy/prometheus/prometheus.example.yml"
	plotsFile    = "deploy/grafana/tillpost.json"
)

// alert is an alerting rule.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

// alerts are the rules that we ship.
func alerts(t *testing.T) (list []alert) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("there are no rules")
	}
	return list
}

func TestMonitoringHasWhatIsMeasured(t *testing.T) {
	// Not parallel: with -update it writes what the others read.
	const name = "docs/monitoring.md"
	var b strings.Builder
	b.WriteString("| metric | is | labels | says |\n| --- | --- | --- | --- |\n")
	for _, m := range dashboard.MetricDocs() {
		labels := ""
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, labels, cell(strings.TrimSuffix(m.Help, ".")))
	}
	text := read(t, name)
	written(t, name, text, block(t, name, text, "metrics", b.String()))
}

// TestMonitoringTellsOfEveryMetric compares what is registered with what the table of metrics is made of.
func TestMonitoringTellsOfEveryMetric(t *testing.T) {
	t.Parallel()
	known := map[string]dashboard.MetricDoc{}
	for _, m := range dashboard.MetricDocs() {
		known[m.Name] = m
	}
	families, err := dashboard.Metrics(func(context.Context) (dashboard.Status, error) { return sampleStatus(1), nil }).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		m, ok := known[name]
		if !ok || m.Kind != strings.ToLower(f.GetType().String()) || m.Help != f.GetHelp() {
			t.Errorf("%s: got %v %q, want %+v", name, f.GetType(), f.GetHelp(), m)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("%s is in the table, but not registered", name)
	}
}

func TestEachAlertSaysWhatToDoAndIsTested(t *testing.T) {
	t.Parallel()
	type alertTest struct {
		Alertname string
		ExpAlerts []any `yaml:"exp_alerts"`
	}
	var file struct {
		Tests []struct {
			AlertRuleTest []alertTest `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, rulesTests)), &file); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]int{}
	for _, group := range file.Tests {
		for _, one := range group.AlertRuleTest {
			if len(one.ExpAlerts) > 0 {
				fires[one.Alertname] = true
			} else {
				quiet[one.Alertname]++
			}
		}
	}
	for _, a := range alerts(t) {
		if a.For == "" || !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s lacks something: %+v", a.Alert, a)
		}
		if !strings.Contains(a.Annotations["summary"], "{{ $labels.instance }}") {
			t.Errorf("%s does not say which store it is", a.Alert)
		}
		if !fires[a.Alert] || quiet[a.Alert] < 2 { // one of them where all is well
			t.Errorf("%s: fires in a test: %t, is quiet in %d, want 2 or more", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
	}
}

// TestMonitoringNamesOnlyWhatThereIs: a query of a metric, or of a word, that nobody gives finds nothing and says nothing.
func TestMonitoringNamesOnlyWhatThereIs(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, m := range dashboard.MetricDocs() {
		known[m.Name] = true
	}
	words := read(t, "agent/pace.go") + `"running" "stopped"` // the states of the API and of the agent
	for _, name := range []string{rulesFile, plotsFile, rulesTests} {
		text := strings.ReplaceAll(read(t, name), `\"`, `"`)
		for _, metric := range regexp.MustCompile(`\btillpost_\w+`).FindAllString(text, -1) {
			base, bucket := strings.CutSuffix(metric, "_bucket")
			if !known[base] || bucket && !strings.HasSuffix(base, "_seconds") {
				t.Errorf("%s: there is no %s", name, metric)
			}
		}
		for _, state := range regexp.MustCompile(`state=~?"([^"]+)"`).FindAllStringSubmatch(text, -1) {
			for one := range strings.SplitSeq(state[1], "|") {
				if !strings.Contains(words, `"`+one+`"`) {
					t.Errorf("%s: nothing is ever in the state %q", name, one)
				}
			}
		}
	}
}

// promtool runs promtool in a folder of the project.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	testkit.NeedTool(t, "promtool", "--version")
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = filepath.FromSlash("deploy/prometheus")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestPrometheusTakesTheRulesAndTheExample(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", filepath.Base(rulesFile))
	promtool(t, "check", "config", filepath.Base(configSample))
}

func TestTheAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", filepath.Base(rulesTests))
}
