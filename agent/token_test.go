package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestATokenThatCannotBeReadAnyMoreIsNamedAndTheGoodOneGoesOn(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.drop("stock-1.csv", upcA+",12")
		pass(time.Minute)
		s.setToken("") // the harness answers an error for none
		s.drop("stock-2.csv", upcA+",13")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 13})
		s.setToken(goodToken)
		s.drop("stock-3.csv", upcA+",14")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 14})
		s.end()
		for what, want := range map[string]int{"the token cannot be read any more": 1, "the token can be read again": 1} {
			if n := strings.Count(s.log.String(), what); n != want {
				t.Errorf("%q was logged %d times, want %d", what, n, want)
			}
		}
	})
}

func TestATokenInAWatchedFolderIsNotShown(t *testing.T) { // promise 11
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.write("token.txt", goodToken+"\n")
		s.drop("stock.csv", upcA+",12", goodToken+",x"+goodToken)
		pass(time.Minute)
		if st := s.status(); st.Rejects != 1 {
			t.Errorf("got %d rejects, want 1", st.Rejects)
		}
		s.end()
		if strings.Contains(s.log.String(), goodToken) {
			t.Error("the log holds the token")
		}
	})
	err := filepath.WalkDir(s.config.DataDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), goodToken) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDeadLettersAndRejectsAreTold(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		inject(t, s.api, "404,code="+upcB+",words=no such product here")
		s.start()
		s.drop("stock.csv", upcA+",12", upcB+",3", upcC+",1O")
		pass(time.Minute)
		if st := s.status(); st.Dead != 1 || st.Unknown != 1 || !strings.Contains(st.API.LastError, "no such product here") {
			t.Errorf("got %+v", st)
		}
		s.end()
		for _, want := range []string{"no such product here", "upc " + upcB + ", store 3", "line=4", "is not a whole number"} {
			if !strings.Contains(s.log.String(), want) {
				t.Errorf("the log says nothing of %q", want)
			}
		}
	})
}
