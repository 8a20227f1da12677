package dashboard

import (
	"context"
	"net/http"
	"net/url"
)

// deed is what one of the page's buttons does. It answers what to tell whoever pressed it.
type deed func(ctx context.Context, desk Desk, form url.Values) (message, error)

// act does what a button says, and shows the page again with what came of it.
func (p *Page) act(do deed) func(http.ResponseWriter, *http.Request, *session) {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		m := message{Text: "Nothing was changed: no agent works at the moment. Try again in a minute.", Wrong: true}
		if desk := p.desk(); desk != nil {
			var err error
			if m, err = do(r.Context(), desk, r.PostForm); err != nil {
				m = message{Text: "It did not work: " + visible(err.Error()), Wrong: true}
			}
		}
		p.looks.changes.Add(1)
		s.say(m)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// desk is what is behind the page at the moment; nil = nothing.
func (p *Page) desk() Desk {
	if p.opts.Desk == nil {
		return nil
	}
	return p.opts.Desk()
}

func pause(ctx context.Context, desk Desk, _ url.Values) (message, error) {
	return message{Text: "Sending is paused. Exports are still read, and nothing is lost."}, desk.Pause(ctx, true)
}

func resume(ctx context.Context, desk Desk, _ url.Values) (message, error) {
	return message{Text: "Sending goes on."}, desk.Pause(ctx, false)
}

func releaseHeld(ctx context.Context, desk Desk, form url.Values) (message, error) {
	return actHeld(ctx, desk, form, true, "The export is released, and read in a moment.")
}

func discardHeld(ctx context.Context, desk Desk, form url.Values) (message, error) {
	return actHeld(ctx, desk, form, false, "The export is discarded.")
}

func actHeld(ctx context.Context, desk Desk, form url.Values, release bool, text string) (message, error) {
	done, err := desk.ActHeld(ctx, form.Get("id"), release)
	if err == nil && !done {
		return message{Text: "Nothing was changed: this export is not held any more.", Wrong: true}, nil
	}
	return message{Text: text}, err
}

func retryDead(ctx context.Context, desk Desk, form url.Values) (message, error) {
	return actDead(ctx, desk, form, true, " sent again.")
}

func discardDead(ctx context.Context, desk Desk, form url.Values) (message, error) {
	return actDead(ctx, desk, form, false, " discarded.")
}

// actDead acts on a group, or on all where the form says so: a form without a group is none of ours.
func actDead(ctx context.Context, desk Desk, form url.Values, retry bool, text string) (message, error) {
	group := form.Get("group")
	switch group {
	case "":
		return message{Text: "Nothing was changed: the form did not say which.", Wrong: true}, nil
	case "all":
		group = ""
	}
	n, err := desk.ActDead(ctx, group, retry)
	if err == nil && n == 0 {
		return message{Text: "Nothing was changed: there are none of these any more.", Wrong: true}, nil
	}
	return message{Text: plural(n, "refused update is", "refused updates are") + text}, err
}
