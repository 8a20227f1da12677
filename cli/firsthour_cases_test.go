//go:build !windows

package cli

import (
	"os"
	"strings"
	"testing"
)

// firstHour is what goes wrong in a store's first hour.
var firstHour = []hourCase{
	{
		name:  "the folder in the config is not there",
		files: map[string]string{"tillpost.yaml": "api: {url: $API, token_file: token}\ndata_dir: data\nstatus: {listen: off}\nsources: [{name: main, folder: Exprots}]\n"},
		do:    []any{agentRuns{log: "level=ERROR", status: "folder missing"}, "sync --timeout 20s"},
		must:  []string{"$DIR/Exprots", "it does not exist", "mend `folder` in the config"},
	},
	{
		name:  "the folder in the config is a file",
		files: map[string]string{"tillpost.yaml": "api: {url: $API, token_file: token}\ndata_dir: data\nstatus: {listen: off}\nsources: [{name: main, folder: pos/stock.csv}]\n"},
		do:    []any{agentRuns{log: "level=ERROR", status: "folder missing"}},
		must:  []string{"$DIR/pos/stock.csv", "it is not a folder", "`folder` in the config must be"},
	},
	{
		name: "the config is not where the command says",
		do:   []any{"run --config $DIR/tilpost.yaml"},
		must: []string{"$DIR/tilpost.yaml: no such file or folder", "hint: `tillpost init --config FILE` makes it"},
	},
	{
		name:  "a tab in the config",
		files: map[string]string{"tillpost.yaml": "api:\n\turl: $API\n"},
		do:    []any{"run"},
		must:  []string{"$DIR/tillpost.yaml:2:1: a tab"},
	},
	{
		name:  "a colon without a blank after it",
		files: map[string]string{"tillpost.yaml": "api: {url: $API}\nsources:\n  - name:main\n    folder: pos\n"},
		do:    []any{"run"},
		must:  []string{"$DIR/tillpost.yaml:4:", "the line above lacks the blank behind its colon"},
	},
	{
		name:  "a Windows path in double quotes",
		files: map[string]string{"tillpost.yaml": "api: {url: $API}\nsources:\n  - folder: \"C:\\POS\\Export\"\n"},
		do:    []any{"run"},
		must:  []string{"$DIR/tillpost.yaml:3:13: sources[0].folder", "write 'C:\\POS\\Export' in single quotes"},
	},
	{
		name:  "a key misspelt, a value without its unit, and a line at the wrong depth",
		files: map[string]string{"tillpost.yaml": "api: {url: $API}\nsources:\n  - foldr: pos\n    expect: 24\ndefaults: {store: \"3\"}\n"},
		do:    []any{"run"},
		must:  []string{"foldr: unknown key; did you mean folder?", "expect: \"24\" has no unit", "did you mean sources[].defaults?"},
	},
	{
		name:  "the example's placeholders are left in",
		files: map[string]string{"tillpost.yaml": "api: {url: https://YOUR_URL, token_file: token}\ndata_dir: data\nsources:\n  - folder: pos\n    defaults: {store: \"...\"}\n    columns: {quantity: ...}\n"},
		do:    []any{"run"},
		must:  []string{"https://YOUR_URL: write the address", "defaults.store: \"...\" stands for", "columns.quantity: \"...\" stands for"},
	},
	{
		name:  "the URL is http",
		files: map[string]string{"tillpost.yaml": "api: {url: \"http://api.example.com\", token_file: token}\ndata_dir: data\nsources: [{folder: pos}]\n"},
		do:    []any{"run"},
		must:  []string{"would show the token to the network", "with https://"},
	},
	{
		name:  "no token file",
		files: map[string]string{"token": ""},
		do:    []any{"run"},
		must:  []string{"$DIR/token: no such file or folder", "hint: `token_file` in the config names that file"},
	},
	{
		name:  "no token anywhere",
		files: map[string]string{"tillpost.yaml": "api: {url: $API}\ndata_dir: data\nsources: [{folder: pos}]\n"},
		do:    []any{"run"},
		must:  []string{"there is no token", "hint: `tillpost token set` asks for it"},
	},
	{
		name:  "the token file is empty",
		files: map[string]string{"token": "\n"},
		do:    []any{"run"},
		must:  []string{"$DIR/token is empty", "hint: `tillpost token set` stores it"},
	},
	{
		name:  "two lines in the token file",
		files: map[string]string{"token": "secret\nof the shop\n"},
		do:    []any{"run"},
		must:  []string{"$DIR/token holds more than one line", "hint: `tillpost token set` stores it"},
	},
	{
		name:  "the token with Bearer before it",
		files: map[string]string{"token": "Bearer secret\n"},
		do:    []any{"run"},
		must:  []string{"$DIR/token begins with the word Bearer", "hint: `tillpost token set` stores it"},
	},
	{
		name: "others can read the token file",
		set: func(t *testing.T, h *hour) {
			if err := os.Chmod(h.path("token"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		do:   []any{"run"},
		must: []string{"$DIR/token has the mode 0644", "hint: `chmod 600 $DIR/token`"},
	},
	{
		name:  "the API does not take the token",
		files: map[string]string{"token": "wrong\n"},
		do:    []any{agentRuns{log: "level=ERROR", status: "token not accepted"}, "sync --timeout 3s", "status"},
		must:  []string{"401 Unauthorized", "write it into $DIR/token", "nothing is lost", "sending goes on by itself", "1 update still waits (token not accepted"},
	},
	{
		name:  "another web server",
		files: map[string]string{"tillpost.yaml": "api: {url: $404, token_file: token}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "not our API"}},
		must:  []string{"404 Not Found with an HTML page", "`url` in the config is $404"},
	},
	{
		name:  "a login page",
		files: map[string]string{"tillpost.yaml": "api: {url: $LOGIN, token_file: token}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "not our API"}},
		must:  []string{"Guest Wi-Fi", "a guest network that wants a login"},
	},
	{
		name:  "a server that points elsewhere",
		files: map[string]string{"tillpost.yaml": "api: {url: $MOVED, token_file: token}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "not our API"}},
		must:  []string{"points to https://www.example.com/", "`url` in the config is $MOVED"},
	},
	{
		name:  "a name that has no address",
		files: map[string]string{"tillpost.yaml": "api: {url: \"https://api.shop.invalid\", token_file: token}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "no connection"}},
		must:  []string{"the name api.shop.invalid has no address", "see to this machine's network, and to `url`"},
	},
	{
		name:  "nothing listens at the URL",
		files: map[string]string{"tillpost.yaml": "api: {url: $DEAD, token_file: token}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "no connection"}},
		must:  []string{"no connection to $DEAD", "see to this machine's network, and to `url`"},
	},
	{
		name:  "an unknown certificate",
		files: map[string]string{"tillpost.yaml": "api: {url: $TLS, token_file: token}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "not our API"}},
		must:  []string{"this machine does not know", "`ca_file` under `api`"},
	},
	{
		name:  "the API is in trouble",
		files: map[string]string{"tillpost.yaml": "api: {url: $503, token_file: token, retry: {min: 10ms, max: 20ms}}\n" + goodRest},
		do:    []any{agentRuns{log: "level=ERROR", status: "failing"}},
		must:  []string{"503 Service Unavailable", "where that lasts, tell its operator"},
	},
	{
		name:  "unknown headings",
		files: map[string]string{"pos/stock.csv": "Name,Colour,Amount\nShoe,red,3\n"},
		do:    []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=ERROR", status: "refused"}},
		must:  []string{"$DIR/pos/stock.csv", "\"Name\", \"Colour\", \"Amount\"", "write `columns: {quantity: ..., upc: ...}`", "in place of ... comes a heading", "source main: `tillpost preview"},
	},
	{
		name:  "no store in the export",
		files: map[string]string{"pos/stock.csv": "UPC,Qty\n849632048260,12\n"},
		do:    []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=ERROR", status: "refused"}},
		must:  []string{"write `defaults: {store: \"...\"}`", "the store's code at the API"},
	},
	{
		name: "a store that is not among the config's",
		files: map[string]string{"tillpost.yaml": goodConfig + "    stores: {\"Main Street\": \"3\"}\n",
			"pos/stock.csv": "UPC,Store,Qty\n849632048260,Main Street,12\n849632040011,Outlet,7\n"},
		do:   []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=WARN", status: "1 update, the last"}},
		must: []string{"line 3: column \"Store\": \"Outlet\" is not one of the words under `stores` in the config"},
	},
	{
		name:  "a store that the API does not know",
		files: map[string]string{"pos/stock.csv": "UPC,Store,Qty\n849632048260,33,12\n"},
		do:    []any{agentRuns{log: "level=WARN", status: "1 update refused"}},
		must:  []string{"Unknown store: 33", "hint: the API knows each product and each store by a code"},
	},
	{
		name:  "an empty export",
		files: map[string]string{"pos/stock.csv": "\n"},
		do:    []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=ERROR", status: "refused"}},
		must:  []string{"$DIR/pos/stock.csv: the export is empty", "let the POS export it again"},
	},
	{
		name:  "an export with a header only",
		files: map[string]string{"pos/stock.csv": "UPC,Store,Qty\n"},
		do:    []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=ERROR", status: "refused"}},
		must:  []string{"it has no rows below its header", "let the POS export it again"},
	},
	{
		name:  "an export of nothing but zeros",
		files: map[string]string{"pos/stock.csv": "UPC,Store,Qty\n849632048260,3,0\n849632040011,3,0\n"},
		do:    []any{"preview $DIR/pos/stock.csv"},
		must:  []string{"none of its quantities is more than 0", "would be sold out"},
	},
	{
		name:  "an Excel workbook that is cut",
		files: map[string]string{"pos/stock.csv": "PK\x03\x04\x14\x00\x00\x00\x00\x00[Content_Types].xml"},
		do:    []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=ERROR", status: "refused"}},
		must:  []string{"the workbook is damaged", "its end is missing"},
	},
	{
		name:  "the export is a folder",
		files: map[string]string{"pos/stock.csv": "", "pos/stock.csv/note.txt": "x"},
		do:    []any{"preview $DIR/pos/stock.csv", "preview $DIR/pos"},
		must:  []string{"$DIR/pos/stock.csv is a folder", "name the export that lies in it"},
	},
	{
		name: "the export is not there",
		do:   []any{"preview $DIR/pos/stock-2.csv"},
		must: []string{"$DIR/pos/stock-2.csv: no such file or folder", "in quotes"},
	},
	{
		name:  "the data folder cannot be made",
		files: map[string]string{"tillpost.yaml": "api: {url: $API, token_file: token}\ndata_dir: token/data\nstatus: {listen: off}\nsources: [{folder: pos}]\n"},
		do:    []any{"run", "status"},
		must:  []string{"$DIR/token/data", "not a directory", "`data_dir` in the config"},
	},
	{
		name: "status before anything has run",
		do:   []any{"status", "pause"},
		must: []string{"$DIR/data", "`tillpost run` starts one"},
	},
	{
		name: "a second agent",
		set: func(t *testing.T, h *hour) {
			_, log, stop := start(t, h.args("run")...)
			t.Cleanup(func() {
				if code := stop(); code != statusDone {
					t.Errorf("got %d from the first agent, want 0; its log:\n%s", code, log)
				}
			})
			eventually(t, "the first agent runs", func() bool {
				out, _, _ := runIn(t.Context(), h.args("status")...)
				return strings.Contains(out, "running, process ")
			})
		},
		do:   []any{"run", "sync"},
		must: []string{"$DIR/data, its process id is N", "end process N first"},
	},
}
