/*-------------------------------------------------------------------------
 *
 * process_tree.c
 *		Finds the descendants of a process in /proc, and signals them.
 *
 * Runs in the hook runner and in its child, the hook's guardian, which has
 * nothing of the server's: so this uses the C library alone.  No locks.
 *
 * A process may end, and its id be given to another one, between the look and
 * the signal.  For a child of the caller that cannot happen, as its id stays
 * its own until the caller has waited for it; for others it takes as many
 * forks as there are process ids, in a few microseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "process_tree.h"

typedef struct Process
{
	pid_t		pid;
	pid_t		parent;
	bool		is_descendant;
} Process;

/* The parent of a process; 0: it has gone, or is the system's. */
static pid_t
read_parent(const char *pid_text)
{
	char		path[64];
	char		stat[512];
	const char *rest;
	ssize_t		length;
	int			fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid_text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	stat[length] = '\0';

	/* "pid (name) state parent ..."; the name may hold anything. */
	rest = strrchr(stat, ')');
	if (rest == NULL || strlen(rest) < 5)
		return 0;
	return (pid_t) strtol(rest + 4, NULL, 10);
}

/* All processes, malloc'd; NULL: they cannot be listed. */
static Process *
list_processes(int *count)
{
	DIR		   *directory = opendir("/proc");
	Process    *processes = NULL;
	int			room = 0;
	struct dirent *entry;

	*count = 0;
	if (directory == NULL)
		return NULL;
	/* cppcheck-suppress readdirCalled; there is one thread */
	while ((entry = readdir(directory)) != NULL)
	{
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		if (*count == room)
		{
			Process    *larger;

			room = room * 2 + 256;
			larger = realloc(processes, room * sizeof(Process));
			if (larger == NULL)
			{
				free(processes);
				closedir(directory);
				return NULL;
			}
			processes = larger;
		}
		processes[*count].pid = (pid_t) strtol(entry->d_name, NULL, 10);
		processes[*count].parent = read_parent(entry->d_name);
		processes[*count].is_descendant = false;
		(*count)++;
	}
	closedir(directory);
	return processes;
}

static bool
is_below(const Process *processes, int count, pid_t parent, pid_t root)
{
	if (parent == root)
		return true;
	for (int i = 0; i < count; i++)
	{
		if (processes[i].pid == parent)
			return processes[i].is_descendant;
	}
	return false;
}

bool
process_tree_signal(pid_t root, int signal_number)
{
	int			count;
	Process    *processes = list_processes(&count);
	bool		is_any_new = true;

	if (processes == NULL)
		return false;

	/* A child may be listed before its parent: until nothing is new. */
	while (is_any_new)
	{
		is_any_new = false;
		for (int i = 0; i < count; i++)
		{
			if (processes[i].is_descendant || processes[i].pid == root ||
				!is_below(processes, count, processes[i].parent, root))
				continue;
			processes[i].is_descendant = true;
			is_any_new = true;
		}
	}

	for (int i = 0; i < count; i++)
	{
		if (processes[i].is_descendant)
			(void) kill(processes[i].pid, signal_number);
	}
	free(processes);
	return true;
}
