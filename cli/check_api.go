package cli

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/api"
	"tillpost/config"
)

const (
	smallSkew = time.Minute         // by which two clocks may differ
	soon      = 14 * 24 * time.Hour // before which a certificate's end is worth a word
)

// step is an item on the way to the API.
type step struct {
	check string
	name  string   // in a sentence
	at    api.Step // the probe ended there, if it failed
	found func(api.Probe) finding
}

// way looks at the way to the API, and at what the API says to the token.
func (u *checkup) way(ctx context.Context, tokens *config.TokenSource) {
	p, f := u.probe(ctx, tokens.Token)
	if f != nil {
		u.tell(ctx, "api", "", *f)
		if f.setup {
			u.left = append(u.left, "the way to the API", "the clock")
		}
		return
	}
	for _, s := range u.steps() {
		if p.Ended != api.Arrived && p.Ended < s.at {
			u.left = append(u.left, s.name)
			continue
		}
		u.tell(ctx, s.check, "", s.found(p))
	}
	if p.Dated {
		u.tell(ctx, "clock", "", clockFound(p.Skew))
	} else {
		u.left = append(u.left, "the clock")
	}
}

// probe sends the API nothing but {}. Where not even that can be done, the finding says why.
func (u *checkup) probe(ctx context.Context, token func() (string, error)) (api.Probe, *finding) {
	client, err := api.New(agent.ClientOptions(u.conf.API, token, programVersion()))
	if err != nil {
		f := fault(&setupError{err: err}, "mend that key under `api` in the config")
		return api.Probe{}, &f
	}
	p, ok := within(ctx, u.conf.API.Timeout+fileTime, client.Probe)
	if !ok {
		f := failure("look after this computer's network", "could not be tried out within %v", u.conf.API.Timeout+fileTime)
		return api.Probe{}, &f
	}
	return p, nil
}

// steps are the items on the way, in its order.
func (u *checkup) steps() []step {
	return []step{
		{"name", "the name", api.AtName, u.nameFound},
		{"connection", "the connection", api.AtConnection, u.connectionFound},
		{"proxy", "the proxy", api.AtProxy, u.proxyFound},
		{"tls", "TLS", api.AtTLS, u.tlsFound},
		{"api", "the API's answer", api.AtAnswer, u.answerFound},
	}
}

// via names whose name and connection a probe met: the API's, or its proxy's.
func via(p api.Probe) (host, whose string) {
	host, _, err := net.SplitHostPort(p.Peer)
	if err != nil {
		host = p.Peer
	}
	if p.Proxy != "" {
		return host, " (the proxy)"
	}
	return host, ""
}

func (u *checkup) nameFound(p api.Probe) finding {
	host, whose := via(p)
	if p.Ended == api.AtName {
		do := "look whether this computer reaches the internet, and whether the host in `url` under `api` is right"
		if p.Proxy != "" {
			do = "look whether the proxy's name is right: `proxy` under `api` in the config, or the environment's"
		}
		return failure(do, "%s", p.Answer.Words)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return fine("%s%s is an address, with no name to look up", host, whose)
	}
	const most = 3
	list := p.Addresses[:min(len(p.Addresses), most)]
	return fine("%s%s has the address %s", host, whose, strings.Join(list, ", "))
}

func (u *checkup) connectionFound(p api.Probe) finding {
	if p.Ended == api.AtConnection {
		set := ""
		if list := systemProxies(); p.Proxy == "" && len(list) > 0 {
			set = "; Windows has one set: " + strings.Join(list, ", ")
		}
		return failure("look whether a firewall lets tillpost out to "+p.Peer+"; where the network wants a proxy, write it as `proxy` under `api`, for Windows' own setting is not used"+set,
			"%s", p.Answer.Words)
	}
	_, whose := via(p)
	return fine("made to %s%s", p.Connected, whose)
}

func (u *checkup) proxyFound(p api.Probe) finding {
	switch {
	case p.Ended == api.AtProxy:
		do := "ask who runs the proxy to let tillpost through to the host in `url` under `api`"
		if strings.HasPrefix(p.Answer.Words, "the proxy answers 407") {
			do = "write user and password into `proxy` under `api`: http://USER:PASSWORD@HOST:PORT"
		}
		return failure(do, "%s: %s", p.Proxy, p.Answer.Words)
	case p.Proxy == "":
		if list := systemProxies(); len(list) > 0 {
			return warning("if the network needs it, write it as `proxy` under `api`", "none is used, and Windows has one set: %s", strings.Join(list, ", "))
		}
		return fine("none is used")
	case u.conf.API.Proxy == "":
		return warning("write it as `proxy` under `api`: a service has another environment than a person", "%s, from this account's environment", p.Proxy)
	}
	return fine("%s lets it through", p.Proxy)
}

func (u *checkup) tlsFound(p api.Probe) finding {
	c := p.Certificate
	switch {
	case p.Ended == api.AtTLS:
		return failure(certificateToDo(c, time.Now()), "%s", p.Answer.Words)
	case p.TLS == "":
		return fine("not used: http, to this computer itself")
	case c == nil:
		return fine("%s", p.TLS)
	case time.Until(c.NotAfter) < soon:
		return warning("tell your retailer: nothing can be sent once it has expired",
			"%s, but the certificate, issued by %s, expires on %s", p.TLS, c.Issuer, c.NotAfter.UTC().Format(time.DateOnly))
	}
	return fine("%s, with a certificate issued by %s", p.TLS, c.Issuer)
}

// certificateToDo is what to do where TLS failed; c is the certificate that was shown, or nil.
func certificateToDo(c *api.Certificate, now time.Time) string {
	switch {
	case c == nil:
		return "look whether `url` under `api` is right, and whether a firewall or virus scanner on the way meddles with TLS"
	case now.Before(c.NotBefore), now.After(c.NotAfter):
		return "set this computer's clock if it is wrong; if it is right, tell your retailer that the certificate must be renewed"
	case c.OtherName:
		return "look whether the host in `url` under `api` is right; a network that wants a login first answers like this too"
	case c.Unknown:
		return "if this issuer is your own network's or virus scanner's, save its root certificate as a PEM file and write that as `ca_file` under `api`; else ask who runs the network what answers here"
	}
	return "tell your retailer"
}

// answerFound is what is found in the API's answer to an empty update.
func (u *checkup) answerFound(p api.Probe) finding {
	a := p.Answer
	words := a.Words
	if status := strconv.Itoa(a.Status); a.Status != 0 && !strings.Contains(words, status) {
		words = status + ", " + words
	}
	switch {
	case p.Ended == api.AtAnswer:
		return failure("try again later; if it stays like that, tell your retailer", "%s", words)
	case p.Complains && !p.WithoutToken:
		return fine("takes the token (to an empty update it says %s)", words)
	case p.Complains:
		return fine("answers, though it was asked without a token (%s)", words)
	case a.Verdict == api.TokenBad && p.WithoutToken:
		return fine("answers, and wants a token (%s)", words)
	case a.Verdict == api.TokenBad:
		return failure("put the right token where the line about the token says; ask your retailer for a new one if need be", "does not take the token: %s", words)
	case a.Verdict == api.Acknowledged:
		return warning("look whether `url` under `api` is right: the API should complain about missing fields", "answers %d to an empty update", a.Status)
	case a.Verdict == api.Later:
		return warning("nothing here: the agent tries again by itself; if it lasts, tell your retailer", "is reached, but in trouble: %s", words)
	case a.Verdict == api.NotOurAPI && a.Status/100 == 3:
		return failure("write the address as your retailer gave it as `url` under `api`; tillpost follows no redirect", "%s", words)
	case a.Verdict == api.NotOurAPI:
		return failure("look whether `url` under `api` is right, and whether the network wants a login first: open the address in a browser", "%s", words)
	}
	return failure("look whether `url` under `api` is the whole address as your retailer gave it", "%s does not answer as the API does: %s", u.conf.API.URL, words)
}

// clockFound is what is found about this computer's clock, which is that much ahead of the API's.
func clockFound(skew time.Duration) finding {
	if skew.Abs() <= smallSkew {
		return fine("right: it agrees with the API's")
	}
	which := "ahead of"
	if skew < 0 {
		which = "behind"
	}
	return warning("let the system set it by itself: Windows does so under Settings, Time & language; Linux by timedatectl set-ntp true",
		"%s %s the API's", span(skew.Abs()), which)
}
