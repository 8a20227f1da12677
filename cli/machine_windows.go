package cli

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// machine is what a computer is.
type machine struct {
	system string
	memory uint64 // bytes; 0 = not known
}

func thisMachine() machine {
	v := windows.RtlGetVersion()
	m := machine{system: fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)}
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE); err == nil {
		name, _, _ := k.GetStringValue("ProductName") // both are only nice to know
		release, _, _ := k.GetStringValue("DisplayVersion")
		_ = k.Close() // it is only read
		m.system += fmt.Sprintf(" (%s %s)", name, release)
	}
	var status struct { // MEMORYSTATUSEX
		length, load                                                                 uint32
		total, free, totalPage, freePage, totalVirtual, freeVirtual, extendedVirtual uint64
	}
	status.length = uint32(unsafe.Sizeof(status))
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if get.Find() != nil {
		return m
	}
	if ok, _, _ := get.Call(uintptr(unsafe.Pointer(&status))); ok != 0 {
		m.memory = status.total
	}
	return m
}
