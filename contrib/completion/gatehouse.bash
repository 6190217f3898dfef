# bash completion for gatehouse(8). Installed as PREFIX/share/bash-completion/completions/gatehouse;
# or: source contrib/completion/gatehouse.bash

# The ids of the keys, asked of the program itself; those that a shell would take apart are left out.
_gatehouse_key_ids()
{
	"${COMP_WORDS[0]}" keys list 2>/dev/null |
	    awk 'NR > 1 && $1 ~ /^[A-Za-z0-9_.-]+$/ { print $1 }'
}

_gatehouse_token_ids()
{
	"${COMP_WORDS[0]}" admin-token list 2>/dev/null |
	    awk 'NR > 1 && $1 ~ /^[A-Za-z0-9_.-]+$/ { print $1 }'
}

_gatehouse_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# What the first word behind the command (and its -c FILE) is; empty while there is none.
_gatehouse_verb()
{
	local i

	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config) ((i++)) ;;
		-*) ;;
		*)
			printf '%s' "${COMP_WORDS[i]}"
			return
			;;
		esac
	done
}

_gatehouse_keys()
{
	local common='-c --config --json --help'

	case $verb in
	create) _gatehouse_words "$common -d --description -e --expires-days --expires -r --rate-limit --id" ;;
	set) _gatehouse_words "$common -d --description -e --expires-days --expires -r --rate-limit $(_gatehouse_key_ids)" ;;
	rotate) _gatehouse_words "$common --grace $(_gatehouse_key_ids)" ;;
	show | revoke | enable | delete) _gatehouse_words "$common $(_gatehouse_key_ids)" ;;
	list) _gatehouse_words "$common" ;;
	*) _gatehouse_words "$common create generate list show rotate revoke enable set delete" ;;
	esac
}

_gatehouse_usage()
{
	case $verb in
	forget) _gatehouse_words "$(_gatehouse_key_ids)" ;;
	*) _gatehouse_words '-c --config --since --until --by --format --json --zone --help forget' ;;
	esac
}

_gatehouse_audit()
{
	case $verb in
	verify) _gatehouse_words '-c --config --json --help' ;;
	*) _gatehouse_words '-c --config --since --until --json --help verify' ;;
	esac
}

_gatehouse_admin_token()
{
	case $verb in
	create) _gatehouse_words '-c --config --json --help -n --name -s --scope -e --expires-days --expires' ;;
	revoke) _gatehouse_words "-c --config --json --help $(_gatehouse_token_ids)" ;;
	*) _gatehouse_words '-c --config --json --help create list revoke' ;;
	esac
}

_gatehouse()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb
	local commands='run check reload stop upgrade status keys usage audit admin-token import backup version help'

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_gatehouse_words "$commands"
		return
	fi
	case $prev in
	-c | --config) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--format) _gatehouse_words 'table json csv' && return ;;
	--by) _gatehouse_words 'key model endpoint hour day' && return ;;
	--expires) _gatehouse_words 'never' && return ;;
	-r | --rate-limit) _gatehouse_words 'none' && return ;;
	-s | --scope) _gatehouse_words 'admin read metrics' && return ;;
	--since | --until) _gatehouse_words 'now today yesterday 24h 7d 30d' && return ;;
	esac
	verb=$(_gatehouse_verb)
	case ${COMP_WORDS[1]} in
	check) _gatehouse_words '-c --config --upgrade' ;;
	run | reload | stop | upgrade) _gatehouse_words '-c --config' ;;
	status) _gatehouse_words '-c --config --json' ;;
	keys) _gatehouse_keys ;;
	usage) _gatehouse_usage ;;
	audit) _gatehouse_audit ;;
	admin-token) _gatehouse_admin_token ;;
	import) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	backup) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	help) _gatehouse_words "$commands" ;;
	esac
}

complete -o filenames -F _gatehouse gatehouse
