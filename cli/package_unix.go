//go:build !windows

package cli

import "github.com/spf13/cobra"

// packageCommands are what the package for Windows' installer calls; the packages of Linux need none.
func (con *console) packageCommands() []*cobra.Command { return nil }
