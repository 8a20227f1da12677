@echo off
rem Installs tillpost from this folder: install.cmd [FLAG OF tillpost install...]. Done again, it puts this version in the
rem place of the other. Where there is no config yet it puts the program into its place and says what comes next.
setlocal
set "to=%ProgramFiles%\tillpost"
if defined ProgramW6432 set "to=%ProgramW6432%\tillpost"
set "config=%ProgramData%\tillpost\tillpost.yaml"
if not "%TILLPOST_CONFIG%"=="" set "config=%TILLPOST_CONFIG%"
if not exist "%~dp0tillpost.exe" (
	echo install.cmd: tillpost.exe is not beside it: unpack the whole archive first 1>&2
	exit /b 1
)
reg query HKLM\SOFTWARE\tillpost /v Package >nul 2>&1
if not errorlevel 1 if exist "%to%\tillpost.exe" (
	echo install.cmd: tillpost was installed by its MSI: upgrade it by the new MSI, or remove it first 1>&2
	exit /b 1
)
mkdir "%to%" 2>nul
echo. 2>nul >"%to%\.new"
if not exist "%to%\.new" (
	echo install.cmd: this account may not write to %to%: right click, Run as administrator 1>&2
	exit /b 1
)
del "%to%\.new"

rem With a config, or where it is a service already, the program does it itself, and leaves all as it was where it cannot.
if exist "%config%" goto service
if not "%~1"=="" goto service
sc query tillpost >nul 2>&1
if not errorlevel 1 goto service

if exist "%to%\tillpost.exe" (
	"%~dp0tillpost.exe" replaces "%to%\tillpost.exe"
	if errorlevel 1 exit /b 1
)
copy /y "%~dp0tillpost.exe" "%to%\tillpost.exe.new" >nul 2>&1
if errorlevel 1 (
	del "%to%\tillpost.exe.new" 2>nul
	echo install.cmd: the program could not be copied to %to%: look how much room the disk has 1>&2
	exit /b 1
)
rem Windows does not replace a program that runs: what runs it gets half a minute.
set tries=0
:copy
move /y "%to%\tillpost.exe.new" "%to%\tillpost.exe" >nul 2>&1
if not errorlevel 1 goto copied
set /a tries+=1
if %tries% geq 30 (
	del "%to%\tillpost.exe.new" 2>nul
	echo install.cmd: %to%\tillpost.exe is in use: close what runs it, then try again. Until then the old one goes on 1>&2
	exit /b 1
)
ping -n 2 127.0.0.1 >nul
goto copy
:copied
echo installed %to%\tillpost.exe
echo next: "%to%\tillpost.exe" init asks for the rest, then "%to%\tillpost.exe" install starts the service
exit /b 0

:service
"%~dp0tillpost.exe" install %*
exit /b %errorlevel%
