// Sbom writes down what a program of Go was built of, as CycloneDX has it, from what the linker put into the program:
// `sbom PROGRAM FILE.json`. SOURCE_DATE_EPOCH is its date; the same program gives the same bytes.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "sbom: which program, and which file? sbom PROGRAM FILE.json")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Getenv("SOURCE_DATE_EPOCH"), os.Getenv("VERSION")); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: list the parts of %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func write(program, name, epoch, version string) error {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	bom := list(info, sha256.Sum256(data), version, time.Unix(seconds, 0).UTC())
	if err := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// list makes the list of parts. Its serial number is made of the program's hash.
func list(info *debug.BuildInfo, hash [32]byte, version string, date time.Time) *cyclonedx.BOM {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	program := module(&debug.Module{Path: info.Main.Path, Version: version})
	program.Type = cyclonedx.ComponentTypeApplication
	program.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(hash[:])}}
	program.Properties = &[]cyclonedx.Property{
		{Name: "go:os", Value: setting["GOOS"]},
		{Name: "go:arch", Value: setting["GOARCH"]},
	}
	if commit := setting["vcs.revision"]; commit != "" {
		*program.Properties = append(*program.Properties, cyclonedx.Property{Name: "vcs:revision", Value: commit})
	}

	library := module(&debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")})
	parts := []cyclonedx.Component{library}
	all := []string{library.BOMRef}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		part := module(m)
		parts = append(parts, part)
		all = append(all, part.BOMRef)
	}

	bom := cyclonedx.NewBOM()
	id := hash[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8: of one's own making
	bom.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	bom.Metadata = &cyclonedx.Metadata{Timestamp: date.Format(time.RFC3339), Component: &program}
	bom.Components = &parts
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: program.BOMRef, Dependencies: &all}}
	return bom
}

// module is a part as it stands in the list. The check sum of go.sum is of its files, not of one archive, so that it is
// no hash in the sense of CycloneDX.
func module(m *debug.Module) cyclonedx.Component {
	url := fmt.Sprintf("pkg:golang/%s@%s", m.Path, strings.ReplaceAll(m.Version, "+", "%2B"))
	part := cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, Name: m.Path, Version: m.Version, PackageURL: url}
	if m.Sum != "" {
		part.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: m.Sum}}
	}
	return part
}
