package agent

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers of prometheus.WriteRequest, of version 1 of remote write
// (https://prometheus.io/docs/specs/prw/remote_write_spec/). The library has only version 2's message.
const (
	requestSeries   protowire.Number = 1 // of WriteRequest: TimeSeries
	seriesLabels    protowire.Number = 1 // of TimeSeries: Label, sorted by name
	seriesSamples   protowire.Number = 2 // Sample
	labelName       protowire.Number = 1 // of Label: string
	labelValue      protowire.Number = 2 // string
	sampleValue     protowire.Number = 1 // of Sample: double
	sampleTimestamp protowire.Number = 2 // int64, milliseconds since 1970
)

// encoded is a message that is encoded already. Its methods are what the library asks a message for.
type encoded []byte

// Size is how long it is.
func (e encoded) Size() int { return len(e) }

// MarshalToSizedBuffer copies it to the end of a buffer.
func (e encoded) MarshalToSizedBuffer(to []byte) (int, error) {
	return copy(to[len(to)-len(e):], e), nil
}

// label is a label of a series.
type label struct{ name, value string }

// staleValue is the value that says that a series is not there any more; without it, it would be seen for five minutes more.
const staleValue = 0x7ff0000000000002

// series collects the series of a request.
type series struct {
	request encoded
	always  []label         // on each of them
	millis  int64           // the time of each sample
	there   map[string]bool // the labels of each, encoded
}

// writeRequest encodes metric families with their values as of now, with the labels job and instance on each series. What was
// there before and is not any more is said to be gone. It answers what is there, for the next time.
func writeRequest(families []*dto.MetricFamily, instance string, now time.Time, before map[string]bool) (encoded, map[string]bool) {
	s := series{always: []label{{"instance", instance}, {"job", "tillpost"}}, millis: now.UnixMilli(), there: map[string]bool{}}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			s.metric(f.GetName(), m)
		}
	}
	for labels := range before {
		if !s.there[labels] {
			s.sample([]byte(labels), staleValue)
		}
	}
	return s.request, s.there
}

// metric adds the series of a metric: one, or those of a histogram or summary.
func (s *series) metric(name string, m *dto.Metric) {
	switch {
	case m.GetGauge() != nil:
		s.add(name, m, m.GetGauge().GetValue())
	case m.GetCounter() != nil:
		s.add(name, m, m.GetCounter().GetValue())
	case m.GetUntyped() != nil:
		s.add(name, m, m.GetUntyped().GetValue())
	case m.GetHistogram() != nil:
		h := m.GetHistogram()
		s.total(name, m, h.GetSampleSum(), h.GetSampleCount())
		infinite := false
		for _, b := range h.GetBucket() {
			infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
			s.add(name+"_bucket", m, float64(b.GetCumulativeCount()), label{"le", number(b.GetUpperBound())})
		}
		if !infinite {
			s.add(name+"_bucket", m, float64(h.GetSampleCount()), label{"le", "+Inf"})
		}
	case m.GetSummary() != nil:
		y := m.GetSummary()
		s.total(name, m, y.GetSampleSum(), y.GetSampleCount())
		for _, q := range y.GetQuantile() {
			s.add(name, m, q.GetValue(), label{"quantile", number(q.GetQuantile())})
		}
	}
}

// total adds the two series that histograms and summaries have.
func (s *series) total(name string, m *dto.Metric, sum float64, count uint64) {
	s.add(name+"_sum", m, sum)
	s.add(name+"_count", m, float64(count))
}

// add adds one series with one sample.
func (s *series) add(name string, m *dto.Metric, value float64, more ...label) {
	labels := append(append([]label{{"__name__", name}}, s.always...), more...)
	for _, l := range m.GetLabel() {
		if l.GetValue() != "" { // a label without a value is none
			labels = append(labels, label{l.GetName(), l.GetValue()})
		}
	}
	slices.SortFunc(labels, func(a, b label) int { return cmp.Compare(a.name, b.name) })
	var one []byte
	for _, l := range labels {
		var b []byte
		b = protowire.AppendString(protowire.AppendTag(b, labelName, protowire.BytesType), l.name)
		b = protowire.AppendString(protowire.AppendTag(b, labelValue, protowire.BytesType), l.value)
		one = protowire.AppendBytes(protowire.AppendTag(one, seriesLabels, protowire.BytesType), b)
	}
	s.there[string(one)] = true
	s.sample(one, math.Float64bits(value))
}

// sample adds a sample to the encoded labels of a series, and both to the request.
func (s *series) sample(one []byte, value uint64) {
	var b []byte
	b = protowire.AppendFixed64(protowire.AppendTag(b, sampleValue, protowire.Fixed64Type), value)
	b = protowire.AppendVarint(protowire.AppendTag(b, sampleTimestamp, protowire.VarintType), uint64(s.millis))
	one = protowire.AppendBytes(protowire.AppendTag(one, seriesSamples, protowire.BytesType), b)
	s.request = protowire.AppendBytes(protowire.AppendTag(s.request, requestSeries, protowire.BytesType), one)
}

// number is a bound or a quantile as a label has it.
func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
