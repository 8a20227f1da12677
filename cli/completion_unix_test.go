//go:build !windows

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tillpost/mockapi"
)

// drive is a script for a bash that has nothing but our completion. Each line of its input is one on which somebody
// presses Tab, its words, as bash splits them, with a \001 after each but the last; each line of its output is what is
// offered then.
const drive = `
tillpost() { TILLPOST_TEST_BE_TILLPOST=1 "$TILLPOST" "$@"; }
source <(tillpost completion bash)
compopt() { :; } # it works where somebody types alone
while IFS= read -r line; do
	COMP_TYPE=9 COMPREPLY=() COMP_WORDS=()
	while [[ $line == *$'\001'* ]]; do
		COMP_WORDS+=("${line%%$'\001'*}")
		line=${line#*$'\001'}
	done
	COMP_WORDS+=("$line")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	__start_tillpost
	printf '<%s>' "${COMPREPLY[@]}"
	echo
done
`

func TestBashCompletesWithoutTheHelpOfAPackage(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("tillpost.yaml", read(t, s.config)+"  - {name: 'Kasse $(touch pwned)', folder: pos2}\n  - {name: \"it's\", folder: pos3}\n")
	lines := []struct{ typed, want string }{
		{"tillpost pre", "<preview>"},
		{"tillpost preview --sto", "<--store>"},
		{"tillpost preview --config tillpost.yaml --source m", "<main>"},
		{"tillpost preview --config=tillpost.yaml --source=m", "<main>"},
		{"tillpost preview --config tillpost.yaml --source K", `<Kasse\ \$\(touch\ pwned\)>`},
		{"tillpost preview --config tillpost.yaml --source i", `<it\'s>`},
		{"tillpost preview --config nowhere --source ", "<>"},
		{"tillpost nonsense ", "<>"},
	}
	var typed, want strings.Builder
	split := strings.NewReplacer(" ", "\x01", "=", "\x01=\x01")
	for _, line := range lines {
		fmt.Fprintln(&typed, split.Replace(line.typed))
		fmt.Fprintln(&want, line.want)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-c", drive)
	cmd.Env = append(os.Environ(), "TILLPOST="+os.Args[0])
	cmd.Dir, cmd.Stdin = s.dir, strings.NewReader(typed.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != want.String() || stderr.String() != "" {
		t.Errorf("got %v,\n%s%s\nwant\n%s", err, out, &stderr, &want)
	}
	if _, err := os.Stat(s.dir + "/pwned"); !os.IsNotExist(err) {
		t.Error("a source's name was run as a command")
	}
}
