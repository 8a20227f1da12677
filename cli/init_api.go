package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"tillpost/api"
	"tillpost/config"
)

// What the API says to an empty update.
const (
	apiTakes   = "ok"          // it is the API, and takes the token, or there is none yet
	apiAway    = "unreachable" // nothing answers, or what does has no certificate that holds
	apiTrouble = "trouble"     // it answers, and not as it should
	apiRefuses = "token"       // it does not take the token
	apiOther   = "other"       // something else answers
)

// What a person does about it.
const (
	tryURL   = "url"
	tryToken = "token"
	tryAgain = "again"
	goOn     = "on"
)

// tryAPI finds the API's address and the token, and tries them.
func (s *setup) tryAPI(ctx context.Context) error {
	if s.draft.url == "" {
		if err := s.askURL(ctx); err != nil {
			return err
		}
	}
	if err := s.findToken(ctx, false); err != nil {
		return err
	}
	for !s.o.offline {
		state, f := s.probe(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.result.API = &initAPI{State: state, Found: s.look.redact(f.Found)}
		switch {
		case state == apiTakes:
			return nil
		case s.ask == nil:
			return s.unproven(state, f)
		}
		next, err := s.askAgain(ctx, state)
		switch {
		case err != nil || next == goOn:
			return err
		case next == tryURL:
			err = s.askURL(ctx)
		case next == tryToken:
			err = s.findToken(ctx, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unproven deals with an API that does not say what it should, where nobody can be asked. A line that is down is no reason
// to leave a store without a config: the agent goes on trying.
func (s *setup) unproven(state string, f finding) error {
	const offline = "nothing was written; --offline writes the config without trying the API"
	switch state {
	case apiRefuses:
		return hinted(fmt.Errorf("the API %s", s.look.redact(f.Found)), []string{f.Do, offline})
	case apiOther:
		return hinted(fmt.Errorf("try the API: %s", s.look.redact(f.Found)), []string{f.Do, offline})
	}
	s.warn("the API has not taken an update on trial: %s; the agent goes on trying, and `tillpost check` says how it is", f.Found)
	return nil
}

// probe sends the API nothing but {}, and tells of the way there. It answers what the API said, and in which words.
func (s *setup) probe(ctx context.Context) (state string, worst finding) {
	c, err := s.draft.config()
	if err != nil {
		return apiOther, fault(err, "")
	}
	s.look.conf = c
	token := func() (string, error) {
		if s.look.token == "" {
			return "", config.ErrNoToken
		}
		return s.look.token, nil
	}
	s.tell("\nTrying %s ...\n", plain(c.API.URL))
	p, f := s.look.probe(ctx, token)
	if f != nil {
		s.item(ctx, "api", *f)
		return apiAway, *f
	}
	state = stateOf(p)
	for _, step := range s.look.steps() {
		if p.Ended != api.Arrived && p.Ended < step.at {
			break
		}
		f := step.found(p)
		if state == apiRefuses && step.at == api.AtAnswer {
			f.Do = "ask your retailer for the right token"
		}
		if f.State != itemOK {
			worst = f
		}
		s.item(ctx, step.check, f)
	}
	if f := clockFound(p.Skew); p.Dated && f.State != itemOK {
		s.item(ctx, "clock", f)
	}
	return state, worst
}

// item tells what was found of one step on the way.
func (s *setup) item(ctx context.Context, check string, f finding) {
	if !s.o.asJSON {
		s.look.tell(ctx, check, "", f)
	}
}

// stateOf is what a probe says.
func stateOf(p api.Probe) string {
	switch v := p.Answer.Verdict; {
	case p.Ended != api.Arrived:
		return apiAway
	case p.Complains, v == api.TokenBad && p.WithoutToken:
		return apiTakes
	case v == api.TokenBad:
		return apiRefuses
	case v == api.Acknowledged, v == api.Later:
		return apiTrouble
	}
	return apiOther
}

// askAgain asks what is to be done about an API that does not say what it should.
func (s *setup) askAgain(ctx context.Context, state string) (next string, err error) {
	again := option{"try once more", tryAgain}
	url := option{"type another address", tryURL}
	token := option{"type another token", tryToken}
	on := option{"go on all the same; the agent tries again by itself", goOn}
	switch state {
	case apiRefuses:
		return s.ask.choose(ctx, question{title: "The API does not take the token. What now?"}, []option{token, url, again, on}, tryToken)
	case apiOther:
		return s.ask.choose(ctx, question{title: "What answers there is not the API. What now?"}, []option{url, again, on}, tryURL)
	case apiTrouble:
		return s.ask.choose(ctx, question{title: "The API answers, but not as it should. What now?"}, []option{again, url, on}, tryAgain)
	}
	return s.ask.choose(ctx, question{title: "The API cannot be reached. What now?"}, []option{again, url, on}, tryAgain)
}

// askURL asks for the API's address.
func (s *setup) askURL(ctx context.Context) (err error) {
	given := s.draft.url
	if given == "" && s.old != nil {
		given = s.old.API.URL
	}
	s.draft.url, err = s.ask.text(ctx, question{"What is the address of the Inventory Update API?", "As your retailer gave it; it begins with https://"}, given, wrongURL)
	if err == nil {
		s.tell("address     %s\n", plain(s.draft.url))
	}
	return err
}

// findToken finds the token, and keeps it out of all that is told.
func (s *setup) findToken(ctx context.Context, again bool) error {
	if err := s.learnToken(ctx, again); err != nil {
		return err
	}
	s.look.token = cmp.Or(s.token, s.stored)
	if s.stored != "" && !filepath.IsAbs(s.kept) {
		s.warn("the token is in %s, and a service has another one: --token-file stores it", s.kept)
	}
	if s.token == "" || s.draft.tokenFile != "" || samePath(s.tokenBeside(), config.TokenPlace()) {
		return nil
	}
	s.draft.tokenFile = s.tokenBeside()
	if _, err := s.draft.config(); err != nil {
		return s.wrongFlags(err)
	}
	return nil
}

// learnToken finds the token: where the flag says, or where it is stored, or from a person; again = another one.
func (s *setup) learnToken(ctx context.Context, again bool) (err error) {
	if s.o.tokenFile != "" && !again {
		if s.token, err = s.tokenGiven(ctx); err != nil {
			return givenWrong(err)
		}
		return nil
	}
	s.token, s.stored, s.kept = "", "", ""
	stored := s.storedToken(ctx)
	switch {
	case stored.err == nil && s.ask == nil:
		s.kept, s.stored = stored.from, stored.token
		return nil
	case stored.err == nil && !again:
		const keep, other = "keep", "other"
		answer, err := s.ask.choose(ctx, question{"A token is stored already. Is it the right one?", stored.from},
			[]option{{"yes, keep it", keep}, {"no, I type another one", other}}, keep)
		if err != nil || answer == keep {
			s.kept, s.stored = stored.from, stored.token
			return err
		}
	case s.ask == nil && s.o.offline && stored.missing():
		return nil
	case s.ask == nil:
		return &setupError{err: stored.err, token: true}
	}
	s.token, err = s.ask.secret(ctx, question{"What is the API's token?", "As your retailer gave it. It is not shown, and is stored where nobody else can read it."}, func(text string) error {
		_, err := config.CleanToken([]byte(text))
		return err
	})
	return err
}

// givenWrong says why the token that was given is of no use.
func givenWrong(err error) error {
	return hinted(&setupError{err: err, token: true}, []string{"--token-file names a file with nothing but the token in it, in one line"})
}

// tokenGiven reads the token from where --token-file says.
func (s *setup) tokenGiven(ctx context.Context) (string, error) {
	if s.o.tokenFile == "-" {
		text, err := s.con.askToken(ctx, s.in)
		defer clear(text)
		if err != nil {
			return "", err
		}
		return config.CleanToken(text)
	}
	type read struct {
		token string
		err   error
	}
	path := s.o.tokenFile
	r, ok := within(ctx, fileTime, func(context.Context) (r read) {
		r.token, r.err = config.ReadTokenFile(path)
		return r
	})
	if !ok {
		return "", fmt.Errorf("read the token: %s does not answer within %v", path, fileTime)
	}
	return r.token, r.err
}

// storedToken is the token that there is already.
type storedToken struct {
	token, from string
	err         error
}

// missing reports whether there is none.
func (t storedToken) missing() bool {
	return errors.Is(t.err, config.ErrNoToken) || errors.Is(t.err, fs.ErrNotExist)
}

func (s *setup) storedToken(ctx context.Context) storedToken {
	c, err := s.draft.config()
	if err != nil {
		return storedToken{err: err}
	}
	found, ok := within(ctx, fileTime, func(context.Context) storedToken {
		tokens := c.TokenSource()
		token, err := tokens.Token()
		return storedToken{token, tokens.From(), err}
	})
	if !ok {
		found.err = fmt.Errorf("read the token: its file does not answer within %v", fileTime)
	}
	return found
}
