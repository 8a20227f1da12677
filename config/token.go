package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrNoToken is wrapped by the error of Token where no place holds one.
var ErrNoToken = errors.New("there is no token")

// ExposedTokenError says that others than its owner can read or change the file that holds the token.
type ExposedTokenError struct {
	Path string
	Mode fs.FileMode
	Who  string // may use it, where Windows tells; then the mode tells nothing
}

func (e *ExposedTokenError) Error() string {
	if e.Who != "" {
		return fmt.Sprintf("the token file %s can be used by %s; it must be for administrators, the system and the service alone", e.Path, e.Who)
	}
	return fmt.Sprintf("the token file %s has the mode %04o, so that others can use it; it must be 0600", e.Path, e.Mode.Perm())
}

// maxToken is the longest token, in bytes, white space around it included.
const maxToken = 64 << 10

// young is how recently a file may have been changed for its size and time not to tell a second change: clocks of disks
// are coarse.
const young = 3 * time.Second

// TokenSource gives the API's token: from `token_file`, or the platform's place where that is not stated; else the
// service manager's credential `token`; else the environment's TILLPOST_TOKEN. A token_file that is stated must be there:
// falling back to another token could post to another store. It may be used by several goroutines at once.
type TokenSource struct {
	stated     string // token_file; "" = not stated
	place      string // where it is looked for then, and may be absent
	credential string // a file; "" = none; exempt from the check of its mode, which the service manager minds
	env        string // the value of TILLPOST_TOKEN

	mu    sync.Mutex
	from  string      // where the token was found last
	path  string      // of the file that token was read from
	about fs.FileInfo // of that file, when it was read
	read  time.Time
	token string
}

// TokenSource answers where the token is; it reads nothing yet. (Promise 11.)
func (c *Config) TokenSource() *TokenSource {
	s := &TokenSource{stated: c.API.TokenFile, place: machine().token, env: os.Getenv("TILLPOST_TOKEN")}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		s.credential = filepath.Join(dir, "token")
	}
	return s
}

// Token is the token as it is now: a file that changed is read again, one that did not costs a look at its size and
// time. The error wraps ErrNoToken where there is none, and is an *ExposedTokenError where others can read it; it never
// holds the token.
func (s *TokenSource) Token() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stated != "" {
		return s.fileLocked(s.stated, true)
	}
	if token, err := s.fileLocked(s.place, true); !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	if s.credential != "" {
		if token, err := s.fileLocked(s.credential, false); !errors.Is(err, fs.ErrNotExist) {
			return token, err
		}
	}
	if strings.TrimSpace(s.env) != "" {
		s.from = "the environment's TILLPOST_TOKEN"
		return cleanToken("the token in TILLPOST_TOKEN", []byte(s.env))
	}
	return "", fmt.Errorf("%w: token_file is not stated, and there is no %s, no credential `token` of the service manager and no TILLPOST_TOKEN",
		ErrNoToken, s.place)
}

// fileLocked reads the token from the file at path, unless it is the one that was read last.
func (s *TokenSource) fileLocked(path string, private bool) (string, error) {
	about, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	s.from = path
	if path == s.path && unchanged(s.about, about) && s.read.Sub(about.ModTime()).Abs() > young {
		return s.token, nil
	}
	text, about, err := readToken(path, about, private)
	if err != nil {
		return "", err
	}
	token, err := cleanToken("the token file "+path, text)
	if err != nil {
		return "", err
	}
	s.path, s.about, s.read, s.token = path, about, time.Now(), token
	return token, nil
}

// From says where the token is that Token found last: a file's path, or the environment's TILLPOST_TOKEN. "" = nowhere.
func (s *TokenSource) From() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from
}

func unchanged(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode() && os.SameFile(a, b)
}

// readToken reads the file at path, of which about is known, and answers what is known of it once it is open.
func readToken(path string, about fs.FileInfo, private bool) (_ []byte, _ fs.FileInfo, err error) {
	if !about.Mode().IsRegular() { // before it is opened: opening a FIFO would wait for its writer
		return nil, nil, fmt.Errorf("read the token: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		if private {
			if err := exposed(path, about.Mode()); err != nil {
				return nil, nil, err
			}
		}
		return nil, nil, fmt.Errorf("read the token: %w", err)
	}
	defer f.Close() // it was only read
	if about, err = f.Stat(); err != nil {
		return nil, nil, fmt.Errorf("read the token: %w", err)
	}
	if private {
		if err := exposed(path, about.Mode()); err != nil {
			return nil, nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the token: %w", err)
	}
	if text, err = revealToken(path, text); err != nil {
		return nil, nil, fmt.Errorf("read the token: %w", err)
	}
	return text, about, nil
}

// protectedMark begins a file that `tillpost token set` has written on Windows; what follows is for that machine alone.
const protectedMark = "tillpost-protected-token-1 "

func isProtected(text []byte) bool { return bytes.HasPrefix(text, []byte(protectedMark)) }

// TokenPlace is the platform's place for the token.
func TokenPlace() string { return machine().token }

// ReadTokenFile reads the token from a file that a person names, whoever else can read it.
func ReadTokenFile(path string) (string, error) {
	about, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	text, _, err := readToken(path, about, false)
	defer clear(text)
	if err != nil {
		return "", err
	}
	return cleanToken("the file "+path, text)
}

// CleanToken answers a token without the white space around it. The error says why the text cannot be one; it never holds it.
func CleanToken(text []byte) (string, error) { return cleanToken("the token", text) }

// cleanToken takes the white space away around a token and checks that it can be one. The error begins with place.
func cleanToken(place string, text []byte) (string, error) {
	if len(text) > maxToken {
		return "", fmt.Errorf("%s is longer than %d KiB", place, maxToken>>10)
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF"))) // editors of Windows put that before it
	odd := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case len(text) == 0:
		return "", fmt.Errorf("%s is empty", place)
	case odd >= 0 && (text[odd] == '\n' || text[odd] == '\r'):
		return "", fmt.Errorf("%s holds more than one line; it must be the token alone", place)
	case odd >= 0:
		return "", fmt.Errorf("%s holds at place %d a character that no token has; it must be plain ASCII text", place, odd+1)
	case len(text) > 7 && strings.EqualFold(string(text[:7]), "bearer "):
		return "", fmt.Errorf("%s begins with the word Bearer; it must be the token alone", place)
	}
	return string(text), nil
}
