// Where the screens begin: language, then the page the address asks for.
import { createApp } from 'vue';
import App from './App.vue';
import './look/tokens.css';
import { startRouter } from './router';
import { firstLang, keptLang, setLang } from './words';

setLang(firstLang(location.search, keptLang(), navigator.languages));
void startRouter().then(() => createApp(App).mount('#app'));
