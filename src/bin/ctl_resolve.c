/*-------------------------------------------------------------------------
 *
 * ctl_resolve.c
 *		Looks up a host's addresses without waiting for them.
 *
 * The child's answer is one write to a pipe: a plus and addresses with commas
 * between them, or a minus and the reason why there are none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl_resolve.h"

/*
 * Processes that were given up, and have not ended yet.  Not waited for: they
 * may hang in the kernel.
 */
static pid_t *given_up = NULL;
static int	given_up_count = 0;

bool
ctl_resolve_is_needed(const char *host)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST,.ai_family = AF_UNSPEC};
	struct addrinfo *found;

	if (host[0] == '/' || host[0] == '@')
		return false;
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return true;
	freeaddrinfo(found);
	return false;
}

/* In the child: writes the answer, as much of it as fits. */
static void
look_up(const char *host, int fd)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	const struct addrinfo *address;
	char		answer[CTL_RESOLVE_ANSWER_SIZE];
	char		numeric[NI_MAXHOST];
	int			code = getaddrinfo(host, NULL, &hints, &found);
	size_t		length;
	ssize_t		written;

	if (code != 0)
		snprintf(answer, sizeof(answer),
				 "-could not translate host name \"%.255s\" to address: %s",
				 host, gai_strerror(code));
	else
		snprintf(answer, sizeof(answer), "+");
	length = strlen(answer);

	for (address = found; address; address = address->ai_next)
	{
		if (getnameinfo(address->ai_addr, address->ai_addrlen, numeric,
						sizeof(numeric), NULL, 0, NI_NUMERICHOST) != 0 ||
			length + strlen(numeric) + 2 > sizeof(answer))
			continue;
		length += snprintf(answer + length, sizeof(answer) - length, "%s%s",
						   length > 1 ? "," : "", numeric);
	}

	written = write(fd, answer, length);
	_exit(written == (ssize_t) length ? 0 : 1);
}

bool
ctl_resolve_start(CtlResolver *resolver, const char *host)
{
	int			fds[2];

	if (pipe(fds) != 0)
		return false;
	fflush(NULL);
	resolver->process = fork();
	if (resolver->process == 0)
	{
		(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		look_up(host, fds[1]);
	}
	close(fds[1]);
	if (resolver->process < 0)
	{
		close(fds[0]);
		resolver->process = 0;
		return false;
	}
	resolver->fd = fds[0];
	resolver->length = 0;
	return true;
}

CtlResolveResult
ctl_resolve_continue(CtlResolver *resolver, const char **text)
{
	ssize_t		length;

	length = read(resolver->fd, resolver->answer + resolver->length,
				  CTL_RESOLVE_ANSWER_SIZE - resolver->length);
	if (length < 0 && errno == EINTR)
		return CTL_RESOLVE_PENDING;
	if (length > 0)
	{
		resolver->length += length;
		return CTL_RESOLVE_PENDING;
	}

	/* It has closed its end, so it ends. */
	(void) waitpid(resolver->process, NULL, 0);
	close(resolver->fd);
	resolver->process = 0;

	resolver->answer[resolver->length] = '\0';
	*text = resolver->answer + 1;
	if (resolver->length > 1)
		return resolver->answer[0] == '+' ? CTL_RESOLVE_DONE : CTL_RESOLVE_FAILED;
	*text = "could not look up the host's address";
	return CTL_RESOLVE_FAILED;
}

/* Takes note of the end of those that were given up. */
static void
collect(void)
{
	int			left = 0;
	int			i;

	for (i = 0; i < given_up_count; i++)
	{
		if (waitpid(given_up[i], NULL, WNOHANG) == 0)
			given_up[left++] = given_up[i];
	}
	given_up_count = left;
}

void
ctl_resolve_end(CtlResolver *resolver)
{
	if (resolver->process == 0)
		return;

	kill(resolver->process, SIGKILL);
	close(resolver->fd);
	collect();
	given_up = pg_realloc(given_up, (given_up_count + 1) * sizeof(pid_t));
	given_up[given_up_count++] = resolver->process;
	resolver->process = 0;
}
