@echo off
rem Removes what install.cmd installed: uninstall.cmd [--purge]. Config and data stay without --purge.
setlocal
set "to=%ProgramFiles%\tillpost"
if defined ProgramW6432 set "to=%ProgramW6432%\tillpost"
if not exist "%to%\tillpost.exe" (
	echo uninstall.cmd: %to%\tillpost.exe is not there: nothing to remove
	if exist "%ProgramData%\tillpost" echo %ProgramData%\tillpost is still there, with what tillpost had written: rmdir /s "%ProgramData%\tillpost" removes it
	exit /b 0
)
echo. 2>nul >"%to%\.new"
if not exist "%to%\.new" (
	echo uninstall.cmd: this account may not write to %to%: right click, Run as administrator 1>&2
	exit /b 1
)
del "%to%\.new"
"%to%\tillpost.exe" uninstall %*
if errorlevel 1 exit /b 1
set tries=0
:delete
del /q "%to%\tillpost.exe" >nul 2>&1
if not exist "%to%\tillpost.exe" goto gone
set /a tries+=1
if %tries% geq 30 (
	echo uninstall.cmd: %to%\tillpost.exe is in use: close what runs it, then try again 1>&2
	exit /b 1
)
ping -n 2 127.0.0.1 >nul
goto delete
:gone
rmdir "%to%" 2>nul
echo removed %to%\tillpost.exe
exit /b 0
