package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheLogsFileIsKeptApartFromWhatTillpostReadsAndOwns(t *testing.T) {
	t.Parallel()
	const fine = ""
	for _, c := range []struct {
		p          platform
		file, want string
	}{
		{linux, "/var/log/tillpost.log", fine},
		{linux, "log/till.txt", fine},
		{linux, "/var/lib/tillpost/tillpost.log", fine},
		{linux, "/var/lib/tillpost/logs/any/name", fine},
		{linux, "/srv/pos/tillpost.log", fine},
		{linux, "/srv/pos/export/tillpost.log", "lies in sources[0].folder; it would be read as an export"},
		{linux, "/srv/pos/export/deep/down/tillpost.log", "lies in sources[0].folder; it would be read as an export"},
		{linux, "/srv/pos/export", "lies in sources[0].folder; it would be read as an export"},
		{linux, "/srv/old/tillpost.log", "lies in sources[0].archive.folder; what is old in there is deleted"},
		{linux, "tillpost.yaml", "is the config; the log needs a file of its own"},
		{linux, "token", "is the token's file; the log needs a file of its own"},
		{linux, "secret/token", "is the token's file; the log needs a file of its own"},
		{linux, "extra.pem", "is api.ca_file; the log needs a file of its own"},
		{linux, "/var/lib/tillpost", "is data_dir itself; the log needs a file of its own"},
		{linux, "/var/lib/tillpost/outbox.db", "lies in data_dir among the agent's own files"},
		{linux, "/var/lib/tillpost/spill/tillpost.log", "lies in data_dir among the agent's own files"},
		{linux, "/var/lib/tillpost/archive/pos/tillpost.log", "lies in data_dir among the agent's own files"},
		{windows, `C:\ProgramData\tillpost\Tillpost.LOG`, fine},
		{windows, `c:\programdata\TILLPOST\logs\x`, fine},
		{windows, `c:\programdata\TILLPOST\Tillpost.yaml`, "is the config; the log needs a file of its own"},
		{windows, `c:\programdata\TILLPOST\Agent.json`, "lies in data_dir among the agent's own files"},
		{windows, `c:\POS\Export\tillpost.log`, "lies in sources[0].folder; it would be read as an export"},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			folder, archive := "/srv/pos/export", "/srv/old"
			if c.p.windows {
				folder, archive = `C:\pos\export`, `C:\old`
			}
			got, err := parse(c.p, c.p.config, fmt.Appendf(nil, "log: {file: '%s'}\napi: {url: https://stock.example.com, token_file: secret/token, ca_file: extra.pem}\n"+
				"sources: [{folder: '%s', archive: {folder: '%s'}}]\n", c.file, folder, archive))
			switch {
			case c.want == fine && err != nil:
				t.Error(err)
			case c.want != fine && (err == nil || !strings.HasPrefix(err.Error(), c.p.config+":1:13: log.file: "+c.want)):
				t.Errorf("got %+v, %v; want %q", got, err, c.want)
			}
		})
	}
}
