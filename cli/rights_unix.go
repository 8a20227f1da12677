//go:build !windows

package cli

// ownerHint is what to do about what belongs to somebody else.
func ownerHint(path string) string {
	return "let the service have a file of its own: take `token_file` out of the config, or give it a path where there is nothing yet, then `tillpost token set`"
}

// moreRights is how a person gets the rights that a service needs.
const moreRights = "it needs root: write `sudo` before the command"
