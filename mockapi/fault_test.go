package mockapi_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillpost/mockapi"
)

func TestFaultsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]mockapi.Fault{
		"500":                      {Name: "500"},
		"500=10%":                  {Name: "500", Rate: 0.1},
		"500=0.1":                  {Name: "500", Rate: 0.1},
		"portal=100%":              {Name: "portal", Rate: 1},
		" 500 = 1.5% , next=2":     {Name: "500", Rate: 0.015, Count: 2},
		"429=5%,retry-after=3600":  {Name: "429", Rate: 0.05, RetryAfter: "3600"},
		"503,retry-after=date+30s": {Name: "503", RetryAfter: "date+30s"},
		"403,code=849632048260":    {Name: "403", Code: "849632048260"},
		"hang,nth=3,apply=now":     {Name: "hang", Nth: 3, Apply: mockapi.ApplyNow},
		"502,apply=never,store=3":  {Name: "502", Apply: mockapi.ApplyNever, Store: "3"},
		"late,apply=90s":           {Name: "late", Apply: mockapi.ApplyLate, ApplyAfter: 90 * time.Second},
		"307,location=http://127.0.0.1:8080/a?b=c": {Name: "307", Location: "http://127.0.0.1:8080/a?b=c"},
		"drip,delay=10ms":                          {Name: "drip", Delay: 10 * time.Millisecond},
		"error,words=Store is closed":              {Name: "error", Words: "Store is closed"},
	} {
		if got, err := mockapi.ParseFault(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestAFaultThatCannotBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       `there is no fault ""`,
		"nonsense":               `there is no fault "nonsense"`,
		"500=10":                 "10% or 0.1",
		"500=0%":                 "not a rate",
		"500=":                   "not a rate",
		"500=NaN":                "not a rate",
		"500=-1%":                "not a rate",
		"500=101%":               "not a rate",
		"500,":                   "name=value",
		"500,next":               "name=value",
		"500,next=":              "name=value",
		"500,next=0":             "whole number from 1",
		"500,nth=x":              "whole number from 1",
		"500,many=2":             "unknown",
		"slow,delay=5":           "missing unit",
		"slow,delay=-5s":         "below 0",
		"late,apply=soon":        "never, now, or how late",
		"late,apply=-1s":         "never, now, or how late",
		"503,retry-after=date":   "date+30s",
		"503,retry-after=a\r\nb": "not plain ASCII",
		"302,location=é":         "not plain ASCII",
		"302,location=%":         "location",
	} {
		_, err := mockapi.ParseFault(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "fault ") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestFaultsComeBackFromTheirText(t *testing.T) {
	t.Parallel()
	var names []string
	for _, k := range mockapi.Faults() {
		names = append(names, k.Name)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := mockapi.Fault{
			Name:  rapid.SampledFrom(names).Draw(t, "name"),
			Rate:  rapid.Float64Range(0, 1).Draw(t, "rate"),
			Code:  rapid.StringMatching(`[A-Z0-9-]{0,12}`).Draw(t, "code"),
			Store: rapid.StringMatching(`[0-9]{0,3}`).Draw(t, "store"),
			Nth:   rapid.IntRange(0, 9).Draw(t, "nth"),
			Count: rapid.IntRange(0, 9).Draw(t, "count"),
			Apply: mockapi.Apply(rapid.IntRange(0, 3).Draw(t, "apply")),
			Delay: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "delay")),
			Words: rapid.StringMatching(`[a-z =]{0,12}`).Draw(t, "words"),
		}
		if f.Apply == mockapi.ApplyLate {
			f.ApplyAfter = time.Duration(rapid.Int64Range(1, 1e12).Draw(t, "apply after"))
		}
		if got, err := mockapi.ParseFault(f.String()); err != nil || got != f {
			t.Fatalf("%s: got %+v, %v; want %+v", f, got, err, f)
		}
	})
}
