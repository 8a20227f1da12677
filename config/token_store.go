package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Store puts a token where Token looks first: into `token_file` where that is stated, else into the platform's place. What is
// there before is replaced in one step, so that nobody ever reads half of it; a running agent takes it up. The file is protected:
// on Windows its bytes for this machine alone and its access list, elsewhere by its mode, 0600, and its owner, see ownToken.
// text is cleaned like the text of a token file. It answers the file's path. An error wraps an
// *fs.PathError or an *os.LinkError where the file is what is wrong, and not the text. No error holds the token.
func (s *TokenSource) Store(text []byte) (path string, err error) {
	token, err := cleanToken("the token", text)
	if err != nil {
		return "", err
	}
	if path = s.stated; path == "" {
		path = s.place
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays one
	}
	if about, err := os.Stat(path); err == nil && !about.Mode().IsRegular() {
		return "", fmt.Errorf("store the token: %w", &fs.PathError{Op: "replace", Path: path, Err: errors.New("is not a regular file")})
	}
	bytes, err := protectToken([]byte(token))
	if err != nil {
		return "", fmt.Errorf("store the token: %w", err)
	}
	if err := replaceToken(path, bytes); err != nil {
		return "", fmt.Errorf("store the token: %w", err)
	}
	return path, nil
}

// replaceToken writes the file anew beside the old one, which it then takes the place of.
func replaceToken(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".token-*") // with the mode 0600
	if err != nil {
		return err
	}
	err = ownToken(f, path) // before anything secret is in it
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}
