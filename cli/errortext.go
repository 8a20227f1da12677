package cli

import (
	"errors"
	"io/fs"
	"strings"
)

// errorText is an error's text for people: where a file is the trouble, its path and the reason stand without the name of
// the system's call, and the usual reasons are the same words on each platform.
func errorText(err error) string {
	text := err.Error()
	for _, pe := range pathErrors(err) {
		reason := pe.Err.Error()
		switch {
		case errors.Is(pe.Err, fs.ErrNotExist):
			reason = "no such file or folder"
		case errors.Is(pe.Err, fs.ErrPermission):
			reason = "permission denied"
		case isLocked(pe.Err):
			reason = "another program has it open and lets nobody in"
		}
		text = strings.ReplaceAll(text, pe.Error(), pe.Path+": "+reason)
		text = strings.ReplaceAll(text, pe.Path+": "+pe.Path+": ", pe.Path+": ")
	}
	return text
}

// pathErrors are the errors about files in an error's tree.
func pathErrors(err error) (list []*fs.PathError) {
	if pe, ok := err.(*fs.PathError); ok {
		return []*fs.PathError{pe}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return pathErrors(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			list = append(list, pathErrors(inner)...)
		}
	}
	return list
}
