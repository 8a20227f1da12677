package config

import (
	"strings"
	"testing"
)

func TestWindowsPathsWorkHoweverPeopleWriteThem(t *testing.T) {
	t.Parallel()
	const wrong, noYAML = "", "-"
	for _, c := range []struct{ written, want string }{
		{`C:\pos\export`, `C:\pos\export`},
		{`'C:\pos\export'`, `C:\pos\export`},
		{`"C:\\pos\\export"`, `C:\pos\export`},
		{`C:/pos/export`, `C:\pos\export`},
		{`"C:/pos/export"`, `C:\pos\export`},
		{`C:\pos\export\`, `C:\pos\export`},
		{`C:\\pos\\export`, `C:\pos\export`},
		{`'C:\\pos\\export\\'`, `C:\pos\export`},
		{`c:\pos\.\x\..\export`, `c:\pos\export`},
		{`C:\..\..\pos`, `C:\pos`},
		{`C:\Program Files (x86)\POS`, `C:\Program Files (x86)\POS`},
		{`D:\Größe\Kasse 1`, `D:\Größe\Kasse 1`},
		{`\\server\share`, `\\server\share`},
		{`\\server\share\export\`, `\\server\share\export`},
		{`\\server\share\..\export`, `\\server\share\export`},
		{`"\\\\server\\share\\export"`, `\\server\share\export`},
		{`'\\\\server\\share\\export'`, `\\server\share\export`},
		{`//server/share/export`, `\\server\share\export`},
		{`\\?\C:\pos\export`, `\\?\C:\pos\export`},
		{`export`, `C:\ProgramData\tillpost\export`},
		{`in\export`, `C:\ProgramData\tillpost\in\export`},
		{`..\export`, `C:\ProgramData\export`},
		{`./export`, `C:\ProgramData\tillpost\export`},
		{`50%\export`, `C:\ProgramData\tillpost\50%\export`},
		{"{plain: x}", wrong}, // not one value
		{`C:export`, wrong},
		{`"C:"`, wrong},
		{`\pos\export`, wrong},
		{`/pos/export`, wrong},
		{`"\\server\\share"`, wrong}, // \server\share
		{`\\server`, wrong},
		{`\\server\`, wrong},
		{`'%ProgramData%\export'`, wrong},
		{`%ProgramData%\export`, noYAML},
		{`C:\pos\*.csv`, wrong},
		{`C:\pos\a|b`, wrong},
		{`C:\pos\D:\export`, wrong},
		{`"C:\pos\export"`, wrong},
		{`"C:\new\table"`, wrong},
		{`"C:\new\table\"`, wrong},
		{`"\\server\share"`, wrong},
		{`"C:\_data"`, wrong},
		{`"C:\Nightly"`, wrong},
		{`"C:\Public"`, wrong},
		{`"C:\users\x"`, wrong},
		{`"C:\x64\pos"`, wrong},
	} {
		t.Run(c.written, func(t *testing.T) {
			t.Parallel()
			got, err := parse(windows, windows.config, []byte("data_dir: 'E:\\data'\napi: {url: https://stock.example.com}\nsources:\n  - folder: "+c.written+"\n    name: main\n"))
			switch {
			case c.want == wrong || c.want == noYAML:
				place := windows.config + ":4:13: "
				if c.want == wrong {
					place += "sources[0].folder: "
				}
				if err == nil || !strings.HasPrefix(err.Error(), place) {
					t.Errorf("got %v, want an error that begins with %s", err, place)
				}
			case err != nil:
				t.Error(err)
			case got.Sources[0].Folder != c.want:
				t.Errorf("got %q, want %q", got.Sources[0].Folder, c.want)
			}
		})
	}
}

func TestABackslashInDoubleQuotesIsExplained(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`"C:\pos\export"`:        `write 'C:\pos\export' in single quotes, or C:/pos/export with slashes`,
		`"C:\new\table"`:         `write 'C:\new\table' in single quotes, or C:/new/table with slashes`,
		`"C:\new\table\"`:        `write 'C:\new\table' in single quotes, or C:/new/table with slashes`,
		`"C:\pos\export\"   # x`: `write 'C:\pos\export' in single quotes, or C:/pos/export with slashes`,
		`"\\server\share"`:       `write '\\server\share' in single quotes, or //server/share with slashes`,
		`"C:\Public\it's"`:       `write 'C:\Public\it''s' in single quotes, or C:/Public/it's with slashes`,
		`"C:\\pos\new"`:          `write 'C:\pos\new' in single quotes, or C:/pos/new with slashes`,
	} {
		_, err := parse(windows, windows.config, []byte("api: {url: https://stock.example.com}\nsources:\n  - folder: "+written+"\n    name: \"x\"\n    rate: 1\n"))
		if err == nil || !strings.Contains(err.Error(), ":3:13: sources[0].folder: in double quotes a backslash begins an escape; "+want) {
			t.Errorf("%s: got %v, want %s", written, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), ":5:5: sources[0].rate: unknown key") {
			t.Errorf("%s: got %v, want what is wrong after it as well", written, err)
		}
	}
}

func TestPathsOnLinux(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/srv/pos/export": "/srv/pos/export", "/srv/pos/../export/": "/srv/export", "export": "/etc/tillpost/export", "../x": "/etc/x",
		`C:\pos`: "", "c:/pos": "", `\\server\share`: "", "~": "", "~/x": "", "a\nb": "", "a\x00b": "", "~x": "/etc/tillpost/~x",
	} {
		got, err := linux.abs("/etc/tillpost", text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestFoldersOfWindowsAreComparedInAnyCase(t *testing.T) {
	t.Parallel()
	_, err := parse(windows, windows.config, []byte("api: {url: https://stock.example.com}\nsources:\n"+
		"  - {name: a, folder: 'c:\\programdata\\TILLPOST\\In'}\n  - {name: b, folder: 'C:\\pos\\b', archive: {folder: 'c:\\POS\\B'}}\n  - folder: 'D:\\'\n"))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{":3:23: sources[0].folder: lies inside data_dir", ":4:53: sources[1].archive.folder: is sources[1].folder", ":5:5: sources[2].name: is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant %s", err, want)
		}
	}
}

func TestDirAndJoinOfWindows(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		`C:\tillpost.yaml`: `C:\`, `C:\a\tillpost.yaml`: `C:\a`, `\\server\share\tillpost.yaml`: `\\server\share`,
	} {
		if got := windows.dir(file); got != want {
			t.Errorf("the folder of %s: got %s, want %s", file, got, want)
		}
	}
	if got := windows.join(`C:\`, "a", "b"); got != `C:\a\b` {
		t.Errorf("got %s", got)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{`C:\a\b`, `C:\`, true}, {`C:\a`, `C:\a`, false}, {`C:\ab`, `C:\a`, false}, {`C:\A\b`, `c:\a`, true}} {
		if got := windows.inside(c.a, c.b); got != c.want {
			t.Errorf("%s inside %s: got %t, want %t", c.a, c.b, got, c.want)
		}
	}
	if !linux.inside("/a", "/") || linux.inside("/", "/") || linux.inside("/ab", "/a") {
		t.Error("inside is wrong on Linux")
	}
}
