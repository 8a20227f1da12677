package cli

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/config"
	"tillpost/mockapi"
)

// shells are those that completion knows, and how each script is made.
func shells(root *cobra.Command) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"bash": func(w io.Writer) error {
			err := root.GenBashCompletionV2(w, true)
			_, werr := io.WriteString(w, bashAlone)
			return errors.Join(err, werr)
		},
		"zsh":        root.GenZshCompletion,
		"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": root.GenPowerShellCompletionWithDesc,
	}
}

// bashAlone follows cobra's script, which calls a function of the package bash-completion and, on a machine without it,
// would print an error whenever somebody presses Tab. It does what that function does: finds the words up to the cursor,
// and joins those that bash splits at = and :.
const bashAlone = `
if ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    __tillpost_init_completion()
    {
        local word last=-1
        words=()
        for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
            if ((last > 0)) && [[ $word == [=:]* || ${words[last]} == *[=:] ]]; then
                words[last]+=$word
            else
                words[++last]=$word
            fi
        done
        cword=$last cur=${words[last]} prev=${words[last-1]}
    }
fi
`

// shellNames are the shells in the order in which help names them.
var shellNames = [...]string{"bash", "zsh", "fish", "powershell"}

func (con *console) completionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "a script that lets a shell complete commands and flags",
		Long: "completion prints a script that lets a shell complete what you begin to type after `tillpost`: commands, flags, and\n" +
			"some of their values. SHELL is one of these; what stands behind it sets it up, for each session from then on:\n\n" +
			"  bash        echo 'source <(tillpost completion bash)' >> ~/.bashrc\n" +
			"  zsh         echo 'source <(tillpost completion zsh)' >> ~/.zshrc    (below the line with compinit)\n" +
			"  fish        tillpost completion fish > ~/.config/fish/completions/tillpost.fish\n" +
			"  powershell  Add-Content $PROFILE 'tillpost completion powershell | Out-String | Invoke-Expression'",
		Example: "  source <(tillpost completion bash)",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return wrongUse(cmd, "which shell? It knows %s", strings.Join(shellNames[:], ", "))
			case len(args) > 1:
				return wrongUse(cmd, "it takes one shell, not %d", len(args))
			case !slices.Contains(shellNames[:], args[0]):
				return wrongUse(cmd, "%q is no shell that it knows: %s", args[0], strings.Join(shellNames[:], ", "))
			}
			return nil
		},
		ValidArgs: shellNames[:],
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return shells(cmd.Root())[args[0]](con.out) }
	return cmd
}

// beginning are the choices that begin with what was typed. Nothing is completed by itself that is none of them.
func beginning(typed string, choices []cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	choices = slices.DeleteFunc(choices, func(c string) bool { return !strings.HasPrefix(c, typed) })
	return choices, cobra.ShellCompDirectiveNoFileComp
}

// complete lets choices complete the values of a flag that cmd has. It must be quick, and have no effect.
func complete(cmd *cobra.Command, flag string, choices cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, choices); err != nil {
		panic(err)
	}
}

// sourceChoices are the names of the sources of the config that the command line, so far, would read; none where it
// cannot be read.
func sourceChoices(cmd *cobra.Command, _ []string, typed string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
	c, err := config.Load(config.Find(cmd.Flag("config").Value.String()))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp // a shell that completes is no place for it
	}
	for _, s := range c.Sources {
		list = append(list, cobra.CompletionWithDesc(plain(s.Name), plain(s.Folder)))
	}
	return beginning(typed, list)
}

// keyChoices are the words that a key of the config can be.
func keyChoices(path string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
		for _, k := range config.Keys() {
			if k.Path == path {
				list = strings.Split(k.Allowed, " | ")
			}
		}
		return beginning(typed, list)
	}
}

// faultChoices are the faults of the stand-in API; a rate and options may follow.
func faultChoices(_ *cobra.Command, _ []string, typed string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, f := range mockapi.Faults() {
		list = append(list, cobra.CompletionWithDesc(f.Name, f.About))
	}
	list, directive := beginning(typed, list)
	return list, directive | cobra.ShellCompDirectiveNoSpace
}

// commandChoices are the commands below the one that args name.
func commandChoices(cmd *cobra.Command, args []string, typed string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
	topic, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, c := range topic.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return beginning(typed, list)
}

// fileChoices leave it to the shell to complete files.
func fileChoices(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}
