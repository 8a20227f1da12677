//go:build !windows

package cli

// moreRights is how a person gets the rights that a service needs.
const moreRights = "it needs root: write `sudo` before the command"
