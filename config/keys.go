package config

import "time"

// KeyDoc says of one key what a person must know; the README's table is made of these.
type KeyDoc struct {
	Path     string // such as api.retry.min, or sources[].columns.upc
	Default  string // as YAML; "" = none
	Allowed  string
	Meaning  string
	Required bool
}

// key is a row of the table of keys.
type key struct {
	path     string
	def      string // the default as YAML, read like a value of a text; "" = none
	place    string // the default to show where the platform decides
	allowed  string // for the technician; oneOf takes its words from here
	meaning  string // one line
	required bool
	secret   bool   // its value may be one, and is never shown
	read     reader // nil = a group of the keys below it
}

// Keys are all keys of a config in the order in which they are explained. Groups are left out; their keys are there.
func Keys() []KeyDoc {
	var docs []KeyDoc
	for _, k := range table() {
		if k.read == nil || k.path == "sources" {
			continue
		}
		docs = append(docs, KeyDoc{Path: k.path, Default: k.def + k.place, Allowed: k.allowed, Meaning: k.meaning, Required: k.required})
	}
	return docs
}

const (
	durations   = "a duration such as 500ms, 30s, 5m, 24h or 30d"
	orNever     = durations + ", or 0"
	moreThan0   = durations + ", more than 0"
	columns     = "a heading (any case), a column's number (1-based), [from, to] in fixed width, or a path in XML or JSON"
	quantities  = columns + "; with {store} or {size} in it a column for each"
	shares      = "a share such as 50%, or off"
	aCode       = `a code, or ""`
	presetNames = "clover | counterpoint | dynamics-rms | google-local | hand-held | lightspeed-r | lightspeed-x | loyverse | nearst | quickbooks-pos | retail-pro | rics | " +
		"shopify-inventory | shopify-inventory-old | shopify-products | shopify-products-new | square | woocommerce"
)

// table is the one table of all keys. A group stands before its keys; "[]" is each element of a list.
func table() []key {
	return append(append(apiKeys(), agentKeys()...), append(sourceKeys(), rowKeys()...)...)
}

func apiKeys() []key {
	return []key{
		{path: "api", required: true},
		{path: "api.url", required: true, secret: true, allowed: "the API's URL, with https:// (http:// to this machine only)", meaning: "where updates go; the endpoint's path is added unless the URL already ends in it", read: one(endpoint, func(t target) *string { return &t.c.API.URL })},
		{path: "api.token_file", secret: true, place: "`/etc/tillpost/token`, on Windows `%ProgramData%\\tillpost\\token`", allowed: "the path of a file that holds the token and that nobody else can read", meaning: "the token's file", read: pathOf(func(t target) *string { return &t.c.API.TokenFile })},
		{path: "api.rate", def: "5/s", allowed: "N/s, N/m, N/h, or unlimited", meaning: "how many requests at most; every one counts, retries too", read: one(rate, func(t target) *float64 { return &t.c.API.Rate })},
		{path: "api.burst", def: "5", allowed: "a whole number from 1 to 10000", meaning: "how many requests may go at once after a rest", read: one(whole(1, 10_000), func(t target) *int { return &t.c.API.Burst })},
		{path: "api.concurrency", def: "4", allowed: "a whole number from 1 to 64", meaning: "how many requests may be in flight", read: one(whole(1, 64), func(t target) *int { return &t.c.API.Concurrency })},
		{path: "api.timeout", def: "15s", allowed: moreThan0, meaning: "how long an answer may take", read: one(positiveDuration, func(t target) *time.Duration { return &t.c.API.Timeout })},
		{path: "api.retry"},
		{path: "api.retry.min", def: "1s", allowed: moreThan0, meaning: "the first wait after a failure", read: one(positiveDuration, func(t target) *time.Duration { return &t.c.API.RetryMin })},
		{path: "api.retry.max", def: "5m", allowed: moreThan0, meaning: "the longest wait between two attempts", read: one(positiveDuration, func(t target) *time.Duration { return &t.c.API.RetryMax })},
		{path: "api.confirm", def: "2m", allowed: "a duration of at least twice the timeout", meaning: "how long after its acknowledgement a quantity is sent once more, where a request before it went without an answer", read: one(duration, func(t target) *time.Duration { return &t.c.API.Confirm })},
		{path: "api.dead_retry", def: "24h", allowed: orNever, meaning: "when a dead letter is sent again by itself, each time twice as late; 0 = never", read: one(duration, func(t target) *time.Duration { return &t.c.API.DeadRetry })},
		{path: "api.proxy", secret: true, def: `""`, allowed: "a URL with http://, https:// or socks5://", meaning: "the proxy on the way to the API; empty = the environment's", read: one(proxy, func(t target) *string { return &t.c.API.Proxy })},
		{path: "api.ca_file", def: `""`, allowed: "a file's path", meaning: "extra root certificates; the system's are always used", read: pathOf(func(t target) *string { return &t.c.API.CAFile })},
	}
}

func agentKeys() []key {
	return []key{
		{path: "data_dir", place: "`/var/lib/tillpost`, on Windows `%ProgramData%\\tillpost\\data`", allowed: "a folder's path", meaning: "where the outbox lives", read: pathOf(func(t target) *string { return &t.c.DataDir })},
		{path: "resend_all", def: "0", allowed: orNever, meaning: "how often everything is sent once more, a little at a time while nothing else waits, so that drift at the API heals; 0 = never", read: one(duration, func(t target) *time.Duration { return &t.c.ResendAll })},
		{path: "status"},
		{path: "status.listen", def: "127.0.0.1:8460", allowed: "an address and port of this machine alone (port 0 = a free one), or off", meaning: "where the status page, `/metrics` and `/healthz` are served", read: one(listen, func(t target) *string { return &t.c.Status.Listen })},
		{path: "heartbeat"},
		{path: "heartbeat.url", secret: true, def: `""`, allowed: "a URL", meaning: "what is called while all is well, and with /fail when not; empty = off", read: one(webAddress, func(t target) *string { return &t.c.Heartbeat.URL })},
		{path: "heartbeat.every", def: "5m", allowed: moreThan0, meaning: "how often it is called", read: one(positiveDuration, func(t target) *time.Duration { return &t.c.Heartbeat.Every })},
		{path: "metrics_push"},
		{path: "metrics_push.url", secret: true, def: `""`, allowed: "a URL", meaning: "where metrics are pushed to, as Prometheus remote write; empty = off", read: one(webAddress, func(t target) *string { return &t.c.MetricsPush.URL })},
		{path: "metrics_push.every", def: "1m", allowed: moreThan0, meaning: "how often they are pushed", read: one(positiveDuration, func(t target) *time.Duration { return &t.c.MetricsPush.Every })},
		{path: "log"},
		{path: "log.level", def: "info", allowed: "debug | info | warn | error", meaning: "the least that is logged", read: oneOf(func(t target) *string { return &t.c.Log.Level })},
		{path: "log.format", def: "text", allowed: "text | json", meaning: "how a line is written", read: oneOf(func(t target) *string { return &t.c.Log.Format })},
		{path: "log.file", def: `""`, allowed: "a file's path", meaning: "where the log goes; empty = standard error", read: pathOf(func(t target) *string { return &t.c.Log.File })},
		{path: "log.max_size", def: "10MB", allowed: "a size such as 512KB, 10MB or 1GB", meaning: "how long the log file grows until it is put aside, as tillpost-000001.log and so on; a KB is 1024 bytes", read: one(size, func(t target) *int64 { return &t.c.Log.MaxSize })},
		{path: "log.keep", def: "5", allowed: "a whole number from 0 to 1000", meaning: "how many full log files are kept, the newest; 0 = none, and the file begins anew", read: one(whole(0, 1000), func(t target) *int { return &t.c.Log.Keep })},
	}
}

// sourceKeys say where exports lie and what happens to them.
func sourceKeys() []key {
	return []key{
		{path: "sources", required: true, allowed: "a list with an entry for each source, such as `- folder: /srv/pos/export`", meaning: "the watched folders", read: readSources},
		{path: "sources[]"},
		{path: "sources[].name", place: "the folder's own name", allowed: "a name that a file could have, other than those of the other sources", meaning: "what the source is called", read: one(sourceName, func(t target) *string { return &t.s.Name })},
		{path: "sources[].folder", required: true, allowed: "a folder's path", meaning: "the folder that the POS drops its exports into; it need not exist yet", read: pathOf(func(t target) *string { return &t.s.Folder })},
		{path: "sources[].files", def: `["*"]`, allowed: `a list of names with * and ?, such as ["*.csv"]`, meaning: "which files are exports; temporary names (`*.tmp`, `*.part`, `~$*`, `.*`) never are", read: words(glob, func(t target) *[]string { return &t.s.Files })},
		{path: "sources[].recursive", def: "false", allowed: "true | false", meaning: "whether folders below are watched too", read: one(boolean, func(t target) *bool { return &t.s.Recursive })},
		{path: "sources[].settle", def: "2s", allowed: orNever, meaning: "how long an export must lie still", read: one(duration, func(t target) *time.Duration { return &t.s.Settle })},
		{path: "sources[].settle_last", def: "10s", allowed: orNever, meaning: "how long, before a last row without a line end counts as whole", read: one(duration, func(t target) *time.Duration { return &t.s.SettleLast })},
		{path: "sources[].ready", def: `""`, allowed: "a file's name with {name} or {stem} in it, such as {name}.done", meaning: "wait for this trigger file instead; {stem} is the name without its extension", read: one(trigger, func(t target) *string { return &t.s.Ready })},
		{path: "sources[].rescan", def: "30s", allowed: moreThan0, meaning: "how often the folder is looked at without a notification", read: one(positiveDuration, func(t target) *time.Duration { return &t.s.Rescan })},
		{path: "sources[].after", def: "keep", allowed: "keep | archive | delete", meaning: "what happens to an export once the outbox has it all", read: oneOf(func(t target) *string { return &t.s.After })},
		{path: "sources[].archive"},
		{path: "sources[].archive.folder", def: `""`, allowed: "a folder's path", meaning: "where exports are archived; empty = `<data_dir>/archive/<source>`", read: pathOf(func(t target) *string { return &t.s.Archive.Folder })},
		{path: "sources[].archive.keep", def: "30d", allowed: durations, meaning: "how long they are kept there", read: one(duration, func(t target) *time.Duration { return &t.s.Archive.Keep })},
		{path: "sources[].expect", def: "0", allowed: orNever, meaning: "an export at least this often, else the source is overdue; 0 = no expectation", read: one(duration, func(t target) *time.Duration { return &t.s.Expect })},
		{path: "sources[].guard", allowed: "shares as in {zero: 50%, change: 90%, rows: 50%, min: 50}, or off", meaning: "hold an export that could do harm", read: readGuard},
		{path: "sources[].guard.zero", def: "50%", allowed: shares, meaning: "hold an export that would empty more than this share of a store's keys", read: one(percent, func(t target) *Percent { return &t.s.Guard.Zero })},
		{path: "sources[].guard.change", def: "90%", allowed: shares, meaning: "or change more than this share", read: one(percent, func(t target) *Percent { return &t.s.Guard.Change })},
		{path: "sources[].guard.rows", def: "50%", allowed: shares, meaning: "or, with `missing: zero`, lacks more than this share", read: one(percent, func(t target) *Percent { return &t.s.Guard.Rows })},
		{path: "sources[].guard.min", def: "50", allowed: "a whole number from 0 to 1000000", meaning: "where at least so many keys are known", read: one(whole(0, 1_000_000), func(t target) *int { return &t.s.Guard.Min })},
	}
}

// rowKeys say how an export's rows are read.
func rowKeys() []key {
	return []key{
		{path: "sources[].preset", def: `""`, allowed: presetNames, meaning: "the POS that writes the exports; empty = found by the headings; the keys below override what it says", read: one(preset, func(t target) *string { return &t.s.Preset })},
		{path: "sources[].format", def: "auto", allowed: "auto | csv | fixed | xlsx | xml | json | ndjson", meaning: "what kind of file an export is", read: oneOf(func(t target) *string { return &t.s.Format })},
		{path: "sources[].encoding", def: "auto", allowed: "auto | utf-8 | utf-16 | utf-16le | utf-16be | windows-1252 | cp437 | cp850", meaning: "how its characters are encoded", read: oneOf(func(t target) *string { return &t.s.Encoding })},
		{path: "sources[].delimiter", def: "auto", allowed: `auto, "," ";" "|" or "\t" (in quotes), or comma, semicolon, pipe, tab`, meaning: "what stands between two fields", read: one(delimiter, func(t target) *string { return &t.s.Delimiter })},
		{path: "sources[].decimal", def: "auto", allowed: "auto | . | ,", meaning: "what stands before decimals (in quotes)", read: oneOf(func(t target) *string { return &t.s.Decimal })},
		{path: "sources[].header", def: "auto", allowed: "auto, none, or the header's line number", meaning: "where the headings stand", read: one(header, func(t target) *Header { return &t.s.Header })},
		{path: "sources[].sheet", def: `""`, allowed: "a sheet's name", meaning: "the sheet of a workbook; empty = the first that has a header", read: one(text, func(t target) *string { return &t.s.Sheet })},
		{path: "sources[].row", def: `""`, allowed: "the element that is a row (XML), or the path of the array (JSON)", meaning: "where the rows are", read: one(text, func(t target) *string { return &t.s.Row })},
		{path: "sources[].columns"},
		{path: "sources[].columns.upc", place: "found by its heading", allowed: columns, meaning: "the column of the UPC", read: readColumn},
		{path: "sources[].columns.sku", place: "found by its heading", allowed: columns, meaning: "the column of the SKU", read: readColumn},
		{path: "sources[].columns.size", place: "found by its heading", allowed: columns, meaning: "the column of the size", read: readColumn},
		{path: "sources[].columns.width", place: "found by its heading", allowed: columns, meaning: "the column of the width", read: readColumn},
		{path: "sources[].columns.store", place: "found by its heading", allowed: columns, meaning: "the column of the store", read: readColumn},
		{path: "sources[].columns.quantity", place: "found by its heading", allowed: quantities, meaning: "the column of the quantity", read: readColumn},
		{path: "sources[].defaults"},
		{path: "sources[].defaults.store", allowed: aCode, meaning: "the store where no column says it", read: readDefault},
		{path: "sources[].defaults.size", allowed: aCode, meaning: "the size where no column says it, or its cell is blank", read: readDefault},
		{path: "sources[].defaults.width", allowed: aCode, meaning: "the width where no column says it, or its cell is blank", read: readDefault},
		{path: "sources[].stores", allowed: `a group such as {"Main Street": "3"}`, meaning: "the POS's word for a store, to the API's code; with it, any other word is a reject", read: readStores},
		{path: "sources[].identify_by", def: "auto", allowed: "auto | upc | sku", meaning: "what names a product; auto = the UPC where the row has a valid one, else the SKU", read: oneOf(func(t target) *string { return &t.s.IdentifyBy })},
		{path: "sources[].upc", def: "checked", allowed: "checked | as_is", meaning: "whether a UPC must have the right digits, else the SKU counts", read: oneOf(func(t target) *string { return &t.s.UPC })},
		{path: "sources[].upc_check_digit", def: "present", allowed: "present | missing", meaning: "missing = the POS leaves it out: add it", read: oneOf(func(t target) *string { return &t.s.UPCCheckDigit })},
		{path: "sources[].sku_needs", def: "[size, width]", allowed: "a list of size and width, or []", meaning: "what a SKU must come with; a row without it is a reject", read: words(need, func(t target) *[]string { return &t.s.SKUNeeds })},
		{path: "sources[].split_size", def: "false", allowed: "true | false", meaning: `"10.5 D" in the size column is size 10.5, width D`, read: one(boolean, func(t target) *bool { return &t.s.SplitSize })},
		{path: "sources[].duplicates", def: "last", allowed: "last | sum | reject", meaning: "several rows for one key in one export; stated, `last` counts also where a column that is not read tells the rows apart", read: stated(oneOf(func(t target) *string { return &t.s.Duplicates }))},
		{path: "sources[].negative", def: "zero", allowed: "zero | keep | reject", meaning: "a quantity below zero", read: oneOf(func(t target) *string { return &t.s.Negative })},
		{path: "sources[].fractions", def: "floor", allowed: "floor | reject", meaning: "a quantity that is not whole", read: oneOf(func(t target) *string { return &t.s.Fractions })},
		{path: "sources[].reserve", def: "0", allowed: "a whole number from 0 to 9999999", meaning: "units never shown to the API", read: one(whole(int64(0), 9_999_999), func(t target) *int64 { return &t.s.Reserve })},
		{path: "sources[].missing", def: "keep", allowed: "keep | zero", meaning: "keys that earlier exports named and this one lacks", read: oneOf(func(t target) *string { return &t.s.Missing })},
		{path: "sources[].missing_after", def: "2", allowed: "a whole number from 1 to 1000", meaning: "for so many exports in a row", read: one(whole(1, 1000), func(t target) *int { return &t.s.MissingAfter })},
	}
}
