package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A parse function makes a value of a word. Its error says, after the quoted word, why it is none.

// maxDuration keeps sums and multiples of durations far from overflow.
const maxDuration = 10 * 365 * 24 * time.Hour

var days = regexp.MustCompile(`^([0-9]{1,6}(?:\.[0-9]{1,9})?)d`)

// duration parses Go's durations and days before them: 2s, 1h30m, 30d, 1d12h; 0 needs no unit.
func duration(text string) (time.Duration, error) {
	rest, total := text, time.Duration(0)
	if found := days.FindStringSubmatch(text); found != nil {
		n, err := strconv.ParseFloat(found[1], 64)
		if err != nil || n*24 > maxDuration.Hours() {
			return 0, errors.New("is longer than ten years")
		}
		total, rest = time.Duration(n*24*float64(time.Hour)), text[len(found[0]):]
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		switch _, number := strconv.ParseFloat(text, 64); {
		case number == nil && d == 0 && err != nil:
			return 0, errors.New("has no unit")
		case err != nil, len(rest) < len(text) && strings.ContainsAny(rest, "+-"):
			return 0, errors.New("is not a duration")
		case d < 0:
			return 0, errors.New("is negative")
		case d > maxDuration-total:
			return 0, errors.New("is longer than ten years")
		}
		total += d
	}
	if text == "" {
		return 0, errors.New("is not a duration")
	}
	return total, nil
}

// show writes a duration as people do in a config: 2m, not 2m0s.
func show(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func positiveDuration(text string) (time.Duration, error) {
	d, err := duration(text)
	if err == nil && d == 0 {
		err = errors.New("is no time at all")
	}
	return d, err
}

var decimal = regexp.MustCompile(`^[0-9]{1,9}(?:\.[0-9]{1,9})?$`)

// rate parses N/s, N/m and N/h into requests a second; unlimited is +Inf.
func rate(text string) (float64, error) {
	if text == "unlimited" {
		return math.Inf(1), nil
	}
	number, unit, _ := strings.Cut(text, "/")
	number, unit = strings.TrimSpace(number), strings.TrimSpace(unit)
	seconds, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if !known || !decimal.MatchString(number) {
		return 0, errors.New("is not a rate")
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n == 0 {
		return 0, errors.New("allows no request at all")
	}
	return n / seconds, nil
}

// size parses a number of bytes: 512KB, 10MB, 1GB. A KB is 1024 bytes.
func size(text string) (int64, error) {
	upper := strings.ToUpper(text)
	for unit, bytes := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		number, is := strings.CutSuffix(upper, unit)
		if !is {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 20)
		if err != nil || n == 0 {
			break
		}
		return int64(n) * bytes, nil
	}
	return 0, errors.New("is not a size")
}

// percent parses 50%, and off.
func percent(text string) (Percent, error) {
	if text == "off" {
		return Off, nil
	}
	number, is := strings.CutSuffix(text, "%")
	if number = strings.TrimSpace(number); !is || !decimal.MatchString(number) {
		return 0, errors.New("is not a share")
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n > 100 {
		return 0, errors.New("is more than all")
	}
	return Percent(n), nil
}

// whole parses a whole number from least to most.
func whole[T int | int64](least, most T) func(string) (T, error) {
	return func(text string) (T, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && T(n) > most:
			return 0, fmt.Errorf("is more than %d", most)
		case err != nil:
			return 0, errors.New("is not a whole number")
		case T(n) < least:
			return 0, fmt.Errorf("is less than %d", least)
		}
		return T(n), nil
	}
}

func boolean(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("is neither")
}

func header(text string) (Header, error) {
	switch text {
	case "auto":
		return Header{}, nil
	case "none":
		return Header{None: true}, nil
	}
	n, err := whole(1, 1_000_000)(text)
	if err != nil {
		return Header{}, errors.New("is not a line's number")
	}
	return Header{Line: n}, nil
}

func delimiter(text string) (string, error) {
	switch text {
	case "auto", ",", ";", "|", "\t":
		return text, nil
	case "comma", "semicolon", "pipe", "tab":
		return map[string]string{"comma": ",", "semicolon": ";", "pipe": "|", "tab": "\t"}[text], nil
	}
	return "", errors.New("is not a delimiter")
}

// text parses words that mean themselves.
func text(s string) (string, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("holds a control character")
	}
	return s, nil
}

// placeholder is what stands in a line to be written into the config where a person must put something else.
const placeholder = "..."

// code parses a code of the API: a store's, a size's, a width's. It is never trimmed in silence.
func code(s string) (string, error) {
	switch {
	case s == placeholder:
		return "", errors.New("stands for what you know: write that in its place")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("holds a control character")
	case strings.TrimSpace(s) != s:
		return "", errors.New("begins or ends with a blank")
	case len(s) > 512:
		return "", errors.New("is longer than 512 bytes")
	}
	return s, nil
}

func sourceName(s string) (string, error) {
	if why := wrongName(s); why != "" {
		return "", errors.New(why)
	}
	return s, nil
}

// trigger parses `ready`: the name of the file that says that an export is whole.
func trigger(s string) (string, error) {
	rest := strings.NewReplacer("{name}", "", "{stem}", "").Replace(s)
	switch {
	case s == "":
		return "", nil
	case strings.ContainsAny(s, `/\`) || strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("is not a file's name")
	case rest == s:
		return "", errors.New("is the same for each export")
	case strings.ContainsAny(rest, "{}"):
		return "", errors.New("holds braces around something else")
	case s == "{name}":
		return "", errors.New("is the export itself")
	}
	return s, nil
}

func listen(s string) (string, error) {
	if s == "off" {
		return "", nil
	}
	if at, err := netip.ParseAddrPort(s); err != nil || !at.Addr().Unmap().IsLoopback() {
		return "", errors.New("is not an address and port of this machine alone")
	}
	return s, nil
}

// apiPath is the path of the API's one endpoint.
const apiPath = "/api/product/inventory"

// endpoint parses the API's URL and adds the endpoint's path where it does not end in it.
func endpoint(s string) (string, error) {
	if strings.Contains(strings.ToUpper(s), "YOUR_URL") {
		return "", errors.New("is still the placeholder https://YOUR_URL: write the address that the API's operator gave you")
	}
	u, err := address(s)
	switch {
	case err != nil:
		return "", err
	case u.Scheme == "http" && !local(u.Hostname()):
		return "", errors.New("begins with http://, which would show the token to the network")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("does not begin with https://")
	case u.User != nil:
		return "", errors.New("holds a user name or a password, which has no place in it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return "", errors.New("goes on after its path with ? or #")
	}
	s = strings.TrimRight(s, "/")
	if !strings.HasSuffix(s, apiPath) {
		s += apiPath
	}
	return s, nil
}

// address parses a URL with a host. Its error never quotes the URL.
func address(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || strings.ContainsFunc(s, unicode.IsSpace):
		return nil, errors.New("is not a URL")
	case !strings.Contains(s, "://"):
		return nil, errors.New("does not begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("names a port that does not exist")
		}
	}
	return u, nil
}

// local tells whether a host is this machine itself.
func local(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// webAddress parses the URL of a service to call; "" is none.
func webAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := address(s)
	if err == nil && u.Scheme != "http" && u.Scheme != "https" {
		err = errors.New("does not begin with http:// or https://")
	}
	return s, err
}

// proxy parses the URL of a proxy; "" is the environment's.
func proxy(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := address(s)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return s, nil
	}
	return "", errors.New("does not begin with http://, https:// or socks5://")
}

// preset checks the name of a POS whose exports are known.
func preset(text string) (string, error) {
	if text != "" && !slices.Contains(strings.Split(presetNames, " | "), text) {
		return "", errors.New("is not known")
	}
	return text, nil
}
