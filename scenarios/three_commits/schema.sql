create table customer (id int primary key);
insert into customer values (1);
create table part (
    id int generated always as identity primary key,
    name text not null,
    customer int not null references customer deferrable initially deferred
);
